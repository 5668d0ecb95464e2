//! What requests carry, read with errors that are told like all others.

use std::fmt::{self, Display};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::Json;
use axum::extract::rejection::BytesRejection;
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
        read.map(|Json(body)| Asked(body)).map_err(|error| unread(error.status(), &error.body_text()))
    }
}

/// A query.
pub(crate) struct Wanted<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Wanted<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        read.map(|Query(query)| Wanted(query)).map_err(|error| unread(error.status(), &error.body_text()))
    }
}

/// A body as it is.
pub(crate) struct Whole(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Whole {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = Bytes::from_request(request, state).await;
        read.map(Whole).map_err(|error: BytesRejection| unread(error.status(), &error.body_text()))
    }
}

/// What a library says of a request is for who writes programs: in English, behind what is wrong.
fn unread(status: StatusCode, detail: &str) -> Problem {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        let (en, zh) = ("it is longer than 16 MiB", "内容超过 16 MiB");
        return Problem::new(status, "too_long", en, zh);
    }
    Problem::bad("bad_request", format!("this cannot be read: {detail}"), format!("无法读取请求：{detail}"))
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

/// Words with commas between, as queries have them.
pub(crate) fn words(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(',').filter(|word| !word.is_empty())
}

/// The same, each read.
pub(crate) fn list<T: Written>(text: Option<&str>) -> Result<Vec<T>, Problem> {
    words(text).map(read).collect()
}
