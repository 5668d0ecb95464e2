//! What goes wrong with the log and with taking connections, for those who look: some of it happens and is told once,
//! some stays so until it is over. How it is told to a terminal belongs in the engine's `trouble`.

use socklab_engine::board::look::Said;
use socklab_engine::{Lang, Trouble};

use crate::gather::Gathered;
use crate::state::Level;

/// What can be wrong for a while.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// The log cannot be written, so nothing is received.
    Stuck,
    /// What is written may not survive a power cut. It stays so until the run ends.
    Unsafe,
    /// A part of the log is lost. It stays so.
    Lost,
    /// An endpoint at this place takes no connections.
    NotAccepting(String),
}

impl Gathered {
    /// Tells everybody, and keeps what is wrong until it is over.
    pub(crate) fn hear(&self, what: &Trouble) {
        let said = Said::new(what.text(Lang::En), what.text(Lang::Zh));
        match what {
            Trouble::Stuck(_) => self.stand(Standing::Stuck, Level::Error, said),
            Trouble::Unsafe(_) => self.stand(Standing::Unsafe, Level::Warn, said),
            Trouble::Lost { .. } => self.stand(Standing::Lost, Level::Error, said),
            Trouble::NotAccepting(failure) => {
                self.stand(Standing::NotAccepting(failure.address.clone()), Level::Error, said);
            }
            Trouble::Recovered => {
                self.settle(|standing| *standing == Standing::Stuck);
                self.say(Level::Info, said);
            }
            Trouble::Accepting(place) => {
                self.settle(|standing| *standing == Standing::NotAccepting(place.clone()));
                self.say(Level::Info, said);
            }
            Trouble::Removed { .. } => self.say(Level::Info, said),
            Trouble::Gone(_) | Trouble::Unreachable { .. } => self.say(Level::Warn, said),
            // The log has it, and the endpoint a count.
            Trouble::Refused { .. } | Trouble::Dropped { .. } => {}
        }
    }
}
