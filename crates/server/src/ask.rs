//! What requests carry, read with errors that are told like all others.

use std::fmt::{self, Display};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use socklab_capture::{EndpointId, PeerId};

use crate::boards::BoardId;
use crate::jobs::JobId;
use crate::problem::Problem;

/// A JSON body.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = Json::<T>::from_request(request, state).await;
        read.map(|Json(body)| Asked(body)).map_err(|error| {
            let zh = match &error {
                JsonRejection::JsonSyntaxError(_) => "内容不是有效的 JSON",
                JsonRejection::MissingJsonContentType(_) => "Content-Type 应为 application/json",
                JsonRejection::BytesRejection(_) => CUT_OFF,
                _ => "JSON 的内容不符合要求",
            };
            unread(error.status(), &error.body_text(), zh)
        })
    }
}

/// A query.
pub(crate) struct Wanted<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Wanted<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        read.map(|Query(query)| Wanted(query))
            .map_err(|error| unread(error.status(), &error.body_text(), "查询参数不符合要求"))
    }
}

/// A body as it is.
pub(crate) struct Whole(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Whole {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = Bytes::from_request(request, state).await;
        read.map(Whole).map_err(|error: BytesRejection| unread(error.status(), &error.body_text(), CUT_OFF))
    }
}

/// What is wrong with a body that has not come to its end.
const CUT_OFF: &str = "内容没有传完";

/// What a library says of a request is in English: in Chinese it stands behind `zh`, or behind a closer cause.
fn unread(status: StatusCode, detail: &str, zh: &str) -> Problem {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        let (en, zh) = ("it is longer than 16 MiB", "内容超过 16 MiB");
        return Problem::new(status, "too_long", en, zh);
    }
    let cause = cause(detail).unwrap_or_else(|| zh.to_owned());
    Problem::bad(
        "bad_request",
        format!("this cannot be read: {detail}"),
        format!("无法读取请求：{cause}（“{detail}”）"),
    )
}

/// What serde and the parsers of numbers say, in Chinese, with the field that it is about; `None` for what is seldom said.
fn cause(detail: &str) -> Option<String> {
    let after = |mark: &str| detail.split_once(mark).map(|(before, after)| (field(before), after));
    let quoted = |text: &str| text.split('`').nth(1).map(str::to_owned);
    if let Some((_, name)) = after("missing field ") {
        return Some(format!("缺少 {}", quoted(name)?));
    }
    if let Some((_, name)) = after("unknown field ") {
        return Some(format!("没有名为 {} 的字段", quoted(name)?));
    }
    if let Some((of, name)) = after("unknown variant ") {
        return Some(format!("{of}没有 {:?} 这个值", quoted(name)?));
    }
    if let Some((of, said)) = after("invalid value: ").or_else(|| after("invalid type: ")) {
        let (value, wanted) = said.split_once(", expected ")?;
        let value = quoted(value).or_else(|| value.split('"').nth(1).map(|text| format!("{text:?}")));
        return Some(format!("{of}不能是 {}，应为{}", value.as_deref().unwrap_or("这种值"), kind(wanted)?));
    }
    let said = [
        ("invalid digit found in string", "不是非负整数"),
        ("cannot parse integer from empty string", "缺少数字"),
        ("number too large to fit in target type", "数字太大"),
        ("provided string was not `true` or `false`", "应为 true 或 false"),
    ];
    let (mark, zh) = said.into_iter().find(|(mark, _)| detail.contains(mark))?;
    Some(format!("{}{zh}", after(mark).map_or_else(String::new, |(of, _)| of)))
}

/// The field that is named last before what is wrong with it, and a space: `...: port: ` is `port `.
fn field(before: &str) -> String {
    let name = before.trim_end_matches([' ', ':']).rsplit(": ").next().unwrap_or_default();
    let is_name =
        !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.[]?".contains(letter));
    if is_name { format!("{name} ") } else { String::new() }
}

/// What serde expects, in Chinese.
fn kind(wanted: &str) -> Option<&'static str> {
    Some(match wanted.split(' ').next()? {
        "u8" => "整数（0 到 255）",
        "u16" => "整数（0 到 65535）",
        "u32" | "u64" | "usize" => "非负整数",
        "i8" | "i16" | "i32" | "i64" => "整数",
        "f32" | "f64" => "数字",
        "a" if wanted.starts_with("a string") => "文字",
        "a" if wanted.starts_with("a boolean") => "true 或 false",
        "a" if wanted.starts_with("a sequence") => "列表",
        "a" if wanted.starts_with("a nonzero") => "正整数",
        _ => return None,
    })
}

/// What has a written form that a person may get wrong.
pub(crate) trait Written: FromStr {
    /// What it is, in English and in Chinese, and one of them.
    const NAMES: [&str; 3];
}

impl Written for EndpointId {
    const NAMES: [&str; 3] = ["endpoint", "端点", "e1"];
}

impl Written for PeerId {
    const NAMES: [&str; 3] = ["peer", "对端", "e1.3"];
}

impl Written for BoardId {
    const NAMES: [&str; 3] = ["board", "板子", "b1"];
}

impl Written for JobId {
    const NAMES: [&str; 3] = ["job", "任务", "j1"];
}

impl Written for IpAddr {
    const NAMES: [&str; 3] = ["address", "地址", "239.1.2.3"];
}

impl Written for SocketAddr {
    const NAMES: [&str; 3] = ["address", "地址", "127.0.0.1:8080"];
}

/// This text is none of those.
pub(crate) fn miswritten<T: Written>(text: &str) -> Problem {
    let [en, zh, one] = T::NAMES;
    Problem::bad(
        "bad_request",
        format!("{text:?} is no {en} (write it as {one})"),
        format!("{text:?} 不是{zh}（应写作 {one}）"),
    )
}

/// Reads it.
pub(crate) fn read<T: Written>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| miswritten::<T>(text))
}

/// A value that is a text in JSON: an id, an address. What it says is looked at when it is used, so that what is wrong
/// with it is told in the reader's language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text<T> {
    written: String,
    kind: std::marker::PhantomData<T>,
}

impl<T: Written> Text<T> {
    pub(crate) fn read(&self) -> Result<T, Problem> {
        read(&self.written)
    }
}

impl<'de, T> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|written| Text { written, kind: std::marker::PhantomData })
    }
}

impl<T> Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// A port that is a number in JSON. How large it is is looked at when it is used, as what a [`Text`] says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Port(u64);

impl Port {
    pub(crate) fn read(self) -> Result<u16, Problem> {
        self.0.try_into().map_err(|_| no_port(self.0))
    }
}

impl Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// This number is none.
pub(crate) fn no_port(port: impl Display) -> Problem {
    let en = format!("port {port} is out of range (0 to 65535)");
    Problem::bad("bad_port", en, format!("端口 {port} 超出范围（0 到 65535）"))
}

/// Words with commas between, as queries have them.
pub(crate) fn words(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(',').filter(|word| !word.is_empty())
}

/// The same, each read.
pub(crate) fn list<T: Written>(text: Option<&str>) -> Result<Vec<T>, Problem> {
    words(text).map(read).collect()
}
