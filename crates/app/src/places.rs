//! Where things are kept: the data folder and what lies in it.

use std::path::{Path, PathBuf};

/// The data folder.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    data: PathBuf,
}

impl Places {
    /// The folder that was asked for, here or in the environment, else the platform's, else one beside the user's work.
    pub(crate) fn new(asked: Option<PathBuf>) -> Self {
        let environment = || std::env::var_os("SOCKLAB_DATA").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let own = || dirs::data_dir().map(|folder| folder.join("socklab"));
        Places { data: asked.or_else(environment).or_else(own).unwrap_or_else(|| PathBuf::from("socklab-data")) }
    }

    /// The folder of all runs, unless `asked` is another.
    pub(crate) fn captures(&self, asked: Option<&Path>) -> PathBuf {
        asked.map_or_else(|| self.data.join("captures"), Path::to_owned)
    }

    /// The files of the board of that name.
    pub(crate) fn flash(&self, board: &str) -> PathBuf {
        self.data.join("flash").join(board)
    }

    /// The folder of all boards' files.
    pub(crate) fn flashes(&self) -> PathBuf {
        self.data.join("flash")
    }

    /// The lines typed before.
    pub(crate) fn history(&self) -> PathBuf {
        self.data.join("history.txt")
    }
}
