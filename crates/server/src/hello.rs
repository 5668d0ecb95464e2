//! What a client has to know once: who this is, what there is to choose from, and what would stop a device.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use socklab_capture::export::Format;
use socklab_capture::text::Encoding;
use socklab_engine::board::Profile;
use socklab_engine::lan::Preset;
use socklab_engine::reach::written;
use socklab_engine::{Lang, PROGRAM};
use utoipa::{IntoParams, ToSchema};

use crate::ask::Wanted;
use crate::examples::{self, Example};
use crate::guard::Speaks;
use crate::problem::{Problem, ProblemBody};
use crate::workbench::Workbench;

/// What there is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hello {
    /// `socklab 0.1.0`.
    program: &'static str,
    /// The language that answers are in: `en` or `zh`.
    lang: &'static str,
    /// `linux`, `macos`, `windows`.
    platform: &'static str,
    /// The run that is being captured.
    run: String,
    /// This machine's addresses, the most useful to somebody else's device first.
    addresses: Vec<Address>,
    /// The virtual network: boards reach this machine at any address of it that no board has.
    lan: LanPlan,
    /// Boards to choose from.
    profiles: Vec<ProfileView>,
    /// Encodings to offer.
    encodings: Vec<&'static str>,
    /// Links that people know, for `fault`.
    presets: Vec<&'static str>,
    /// Forms that a run can be written out in.
    formats: Vec<String>,
    /// Programs to begin with.
    examples: Vec<Example>,
}

/// An address of this machine.
#[derive(Debug, Serialize, ToSchema)]
struct Address {
    /// One that is good on its link only names the interface: `fe80::1%eth0`.
    address: String,
    interface: String,
    /// Who can dial it: `network`, `inside` (containers and virtual machines here), `link_local` or `loopback`.
    reach: &'static str,
}

/// The virtual network.
#[derive(Debug, Serialize, ToSchema)]
struct LanPlan {
    /// `192.168.1.0/24`.
    network: &'static str,
    /// The address that programs of lessons dial.
    computer: &'static str,
    gateway: &'static str,
}

/// A kind of board.
#[derive(Debug, Serialize, ToSchema)]
struct ProfileView {
    name: &'static str,
    machine: &'static str,
    has_wifi: bool,
    /// Its pins, from the first to the last.
    pins: [u8; 2],
    /// Pins that have a name of their own.
    pin_names: BTreeMap<&'static str, u8>,
}

/// Who this is, and what there is to choose from.
#[utoipa::path(get, path = "/api/hello", responses((status = 200, body = Hello)))]
pub(crate) async fn hello(State(workbench): State<Arc<Workbench>>, Speaks(lang): Speaks) -> Json<Hello> {
    let addresses = socklab_engine::addresses().unwrap_or_default();
    let profiles = Profile::names().filter_map(Profile::named);
    Json(Hello {
        program: PROGRAM,
        lang: match lang {
            Lang::En => "en",
            Lang::Zh => "zh",
        },
        platform: std::env::consts::OS,
        run: workbench.ground.run.name(),
        addresses: addresses
            .into_iter()
            .map(|(interface, reach)| Address {
                address: written(&interface),
                interface: interface.name,
                reach: reach.name(),
            })
            .collect(),
        lan: LanPlan { network: "192.168.1.0/24", computer: "192.168.1.115", gateway: "192.168.1.1" },
        profiles: profiles
            .map(|profile| ProfileView {
                name: profile.name,
                machine: profile.machine,
                has_wifi: profile.has_wifi(),
                pins: [*profile.pins.start(), *profile.pins.end()],
                pin_names: profile.parts.pin_names.iter().copied().collect(),
            })
            .collect(),
        encodings: Encoding::COMMON.to_vec(),
        presets: Preset::ALL.map(Preset::name).to_vec(),
        formats: Format::ALL.iter().map(ToString::to_string).collect(),
        examples: examples::all(),
    })
}

/// A port that a device dials.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReachQuery {
    port: u16,
}

/// What would stop it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Obstacles {
    /// A line each, in the language of the request: a firewall, another program that has the port, rights that are missing.
    obstacles: Vec<String>,
}

/// What would stop a device that dials this machine at a port, as far as it can be told.
#[utoipa::path(get, path = "/api/reach", params(ReachQuery),
    responses((status = 200, body = Obstacles), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn reach(
    Speaks(lang): Speaks,
    Wanted(ReachQuery { port }): Wanted<ReachQuery>,
) -> Result<Json<Obstacles>, Problem> {
    let looking = tokio::task::spawn_blocking(move || socklab_engine::obstacles(port, lang)); // among all processes
    let obstacles = looking.await.map_err(|_| Problem::ended())?;
    Ok(Json(Obstacles { obstacles }))
}
