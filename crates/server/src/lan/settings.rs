//! What the virtual network is like: what `socklab run` takes as options, in the words of the API.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use socklab_engine::LanSettings;
use socklab_engine::lan::KnownName;
use utoipa::ToSchema;

use crate::problem::Problem;

/// The longest name of a Wi-Fi, in bytes.
const LONGEST_SSID: usize = 32;

/// The shortest password of one, in characters.
const SHORTEST_PASSWORD: usize = 8;

/// The longest time that joining may take, in ms.
const LONGEST_JOIN: u64 = 60_000;

/// What the virtual network is like, and how far it reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkSettings {
    /// The one Wi-Fi there is; if it is not there, any that a program asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wifi: Option<Wifi>,
    /// What every chance is drawn from: with the same number the same frames are lost.
    #[serde(default)]
    seed: u64,
    /// How long joining takes, in ms: 60000 at most.
    #[serde(default = "usual_join_ms")]
    join_ms: u64,
    /// Boards reach every port of this machine's loopback, not only those that a Socklab of this user has open.
    #[serde(default)]
    host_loopback: bool,
    /// Boards reach any host.
    #[serde(default)]
    internet: bool,
    /// The capture has every frame of the network.
    #[serde(default)]
    frames: bool,
    /// Names that lead to this computer, or to an address on the network: `api.example.com`,
    /// `api.example.com=192.168.1.50`.
    #[serde(default)]
    names: Vec<String>,
}

fn usual_join_ms() -> u64 {
    NetworkSettings::default().join_ms
}

/// A Wi-Fi.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wifi {
    /// Its name, of 1 to 32 bytes.
    ssid: String,
    /// Of at least 8 characters; without one the Wi-Fi is open.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    password: String,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        (&LanSettings::default()).into()
    }
}

impl From<&LanSettings> for NetworkSettings {
    fn from(settings: &LanSettings) -> Self {
        let wifi = |(ssid, password): (String, String)| Wifi { ssid, password };
        NetworkSettings {
            wifi: settings.wifi.clone().map(wifi),
            seed: settings.seed,
            join_ms: settings.join_time.as_millis() as u64,
            host_loopback: settings.host_loopback,
            internet: settings.internet,
            frames: settings.frames,
            names: settings.names.iter().map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<NetworkSettings> for LanSettings {
    type Error = Problem;

    fn try_from(asked: NetworkSettings) -> Result<Self, Problem> {
        if asked.join_ms > LONGEST_JOIN {
            return Err(Problem::bad("bad_join_time", "joining takes 60 s at most", "加入网络最多 60 秒"));
        }
        let names = asked.names.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
        Ok(LanSettings {
            seed: asked.seed,
            wifi: asked.wifi.map(Wifi::checked).transpose()?,
            join_time: Duration::from_millis(asked.join_ms),
            host_loopback: asked.host_loopback,
            internet: asked.internet,
            frames: asked.frames,
            names: names.map(parse_name).collect::<Result<_, _>>()?,
            ..LanSettings::default()
        })
    }
}

impl Wifi {
    fn checked(self) -> Result<(String, String), Problem> {
        let (en, zh) = match (self.ssid.len(), self.password.chars().count()) {
            (0, _) => ("the Wi-Fi needs a name", "Wi-Fi 需要名称"),
            (length, _) if length > LONGEST_SSID => ("a Wi-Fi's name has 32 bytes at most", "Wi-Fi 名称最多 32 字节"),
            (_, count) if (1..SHORTEST_PASSWORD).contains(&count) => (
                "a Wi-Fi password has at least 8 characters; without one the network is open",
                "Wi-Fi 密码至少 8 个字符；不填则为开放网络",
            ),
            _ => return Ok((self.ssid, self.password)),
        };
        Err(Problem::bad("bad_wifi", en, zh))
    }
}

fn parse_name(text: &str) -> Result<KnownName, Problem> {
    text.parse().map_err(|error: socklab_engine::lan::NoName| {
        let zh = format!("{text:?} 不是“名称”或“名称=地址”，例如 api.example.com=192.168.1.50");
        Problem::bad("bad_name", format!("{text:?} {error}"), zh)
    })
}

impl NetworkSettings {
    /// The options of `socklab run` that say the same.
    pub(crate) fn as_options(&self) -> Vec<String> {
        let usual = NetworkSettings::default();
        let mut options = Vec::new();
        let mut add = |name: &str, value: Option<String>| {
            options.push(name.to_owned());
            options.extend(value);
        };
        if let Some(Wifi { ssid, password }) = &self.wifi {
            add("--wifi", Some(format!("{ssid}:{password}")));
        }
        if self.seed != usual.seed {
            add("--seed", Some(self.seed.to_string()));
        }
        if self.join_ms != usual.join_ms {
            add("--join-time", Some(format!("{}ms", self.join_ms)));
        }
        for (is_on, name) in
            [(self.host_loopback, "--host-loopback"), (self.internet, "--internet"), (self.frames, "--frames")]
        {
            if is_on {
                add(name, None);
            }
        }
        self.names.iter().for_each(|name| add("--name", Some(name.clone())));
        options
    }
}
