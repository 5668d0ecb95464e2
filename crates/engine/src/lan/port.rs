//! A board's end of the network: what its keeper holds, and how frames find the process that the board is just now.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use socklab_board::link::{FromBoard, ToBoard};
use socklab_board::look::Said;
use socklab_lan::{Mac, PortId};
use tokio::sync::mpsc;

/// A place on the network, for one board.
#[derive(Clone)]
pub struct LanPort {
    id: PortId,
    mac: Mac,
    name: String,
    outlet: Outlet,
    network: mpsc::Sender<(PortId, FromBoard)>,
}

/// Where the network's frames go, and its remarks.
#[derive(Clone, Default)]
pub(super) struct Outlet(Arc<Mutex<Ends>>);

/// Takes a remark about the board.
type Remark = Box<dyn Fn(&Said) + Send>;

#[derive(Default)]
struct Ends {
    process: Option<SyncSender<ToBoard>>,
    remark: Option<Remark>,
}

impl LanPort {
    pub(super) fn new(
        id: PortId,
        mac: Mac,
        name: String,
        outlet: Outlet,
        network: mpsc::Sender<(PortId, FromBoard)>,
    ) -> Self {
        LanPort { id, mac, name, outlet, network }
    }

    /// The arguments of a board process that is to be here.
    pub(crate) fn arguments(&self) -> [String; 4] {
        ["--lan".into(), self.mac.to_string(), "--name".into(), self.name.clone()]
    }

    /// From now on the board is this process.
    pub(crate) fn connect(&self, process: SyncSender<ToBoard>) {
        self.outlet.lock().process = Some(process);
    }

    /// Who is told what the network remarks about the board.
    pub(crate) fn on_remark(&self, remark: impl Fn(&Said) + Send + 'static) {
        self.outlet.lock().remark = Some(Box::new(remark));
    }

    /// What the board says to the network; anything else comes back. Waits while the network has too much to do.
    pub(crate) fn hear(&self, said: FromBoard) -> Option<FromBoard> {
        use FromBoard::{Frames, Join, Leave, Netstat, Scan, Serve};
        if !matches!(said, Frames(_) | Join { .. } | Leave | Scan | Serve(_) | Netstat(_)) {
            return Some(said);
        }
        let _ = self.network.blocking_send((self.id, said)); // a network that is gone hears nothing
        None
    }
}

impl std::fmt::Debug for LanPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LanPort({} {})", self.id, self.name)
    }
}

impl Outlet {
    fn lock(&self) -> std::sync::MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frames that a board does not take in time are lost, as on a cable. False where that is so.
    pub(super) fn send(&self, what: ToBoard) -> bool {
        self.lock().process.as_ref().is_some_and(|process| process.try_send(what).is_ok())
    }

    pub(super) fn remark(&self, said: &Said) {
        if let Some(remark) = &self.lock().remark {
            remark(said);
        }
    }
}
