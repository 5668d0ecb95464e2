//! The virtual network.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::command::Reply;
use crate::problem::Problem;
use crate::workbench::Workbench;

/// One direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Link {
    /// From the board.
    Up,
    /// To the board.
    Down,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct LanView {}

impl LanView {
    pub(crate) async fn ask(_: &Workbench) -> Result<Option<Self>, Problem> {
        Ok(None)
    }
}

impl Workbench {
    pub(crate) async fn harm(&self, _: Option<&str>, _: Option<Link>, _: &str) -> Result<Reply, Problem> {
        Err(Problem::ended())
    }
    pub(crate) async fn switch_air(&self, _: String, _: bool) -> Result<Reply, Problem> {
        Err(Problem::ended())
    }
    pub(crate) async fn forward(&self, _: &str) -> Result<Reply, Problem> {
        Err(Problem::ended())
    }
}
