//! Virtual boards.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use socklab_engine::Lang;
use utoipa::ToSchema;

use crate::command::Reply;
use crate::problem::Problem;
use crate::workbench::Workbench;

/// A board. Written `b1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BoardId(u32);

impl fmt::Display for BoardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b{}", self.0)
    }
}

impl FromStr for BoardId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix('b').and_then(|number| number.parse().ok());
        number.map(BoardId).ok_or_else(|| format!("{text:?} is no board (write it as b1)"))
    }
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct NewBoard {
    pub(crate) profile: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct BoardView {
    id: String,
}

#[derive(Debug, Default)]
pub(crate) struct Boards;

pub(crate) struct Member;

impl Boards {
    pub(crate) fn clear(&self) {}
    pub(crate) fn any(&self) -> bool {
        false
    }
    pub(crate) fn news(&self) -> (BTreeMap<u32, Arc<BoardView>>, BTreeSet<u32>) {
        Default::default()
    }
}

impl Member {
    pub(crate) fn run(&self, _: Option<String>, _: String) -> Result<Reply, Problem> {
        Ok(Reply::Done)
    }
    pub(crate) fn interrupt(&self) -> Result<Reply, Problem> {
        Ok(Reply::Done)
    }
    pub(crate) fn reset(&self, _: bool) -> Result<Reply, Problem> {
        Ok(Reply::Done)
    }
    pub(crate) fn set(&self, _: &str) -> Result<Reply, Problem> {
        Ok(Reply::Done)
    }
}

impl Workbench {
    pub(crate) fn board(&self, id: BoardId) -> Result<Member, Problem> {
        Err(Problem::no_board(&id.to_string()))
    }
    pub(crate) async fn new_board(&self, _: NewBoard, _: Lang) -> Result<Reply, Problem> {
        Err(Problem::no_board("b1"))
    }
    pub(crate) async fn remove_board(&self, id: BoardId) -> Result<Reply, Problem> {
        Err(Problem::no_board(&id.to_string()))
    }
}
