//! The WebSocket on which a client sees what happens: all that there is, and then what changes, no faster than it reads
//! and no faster than a screen shows.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message as Frame, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use tokio::time::{Instant, sleep_until};

use crate::gather::Look;
use crate::state::{Change, Message};
use crate::workbench::Workbench;

/// At most 30 messages a second.
const PAUSE: Duration = Duration::from_millis(33);

/// A client has nothing to say but `ping`.
const LONGEST: usize = 4 << 10;

/// What happens, from now on.
///
/// The first message is a [`Message::Snapshot`], all others are [`Message::Change`]. What changes while a message is on
/// its way is in the next one, the newest value of each alone.
#[utoipa::path(get, path = "/api/live", responses((status = 101, body = Message)))]
pub(crate) async fn live(State(workbench): State<Arc<Workbench>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(LONGEST).on_upgrade(move |socket| async move {
        let _ = show(socket, &workbench).await; // an error is that nobody looks any more
    })
}

async fn show(mut socket: WebSocket, workbench: &Workbench) -> Result<(), axum::Error> {
    // What was gathered last will do: what has changed since comes next.
    if workbench.gathered.state().is_none() && workbench.gather().await.is_err() {
        return Ok(());
    }
    let (state, look) = workbench.gathered.look();
    let Some(state) = state else { return Ok(()) };
    send(&mut socket, &Message::Snapshot { n: 0, state: Box::new(state) }).await?;
    for n in 1.. {
        let Some(change) = next(&mut socket, &look).await? else { return Ok(()) };
        send(&mut socket, &Message::Change { n, change: Box::new(change) }).await?;
        let until = Instant::now() + PAUSE;
        while let Some(said) = until_heard(&mut socket, sleep_until(until)).await {
            if said?.is_none() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The next change; `None` when the client has gone.
async fn next(socket: &mut WebSocket, look: &Look) -> Result<Option<Change>, axum::Error> {
    loop {
        tokio::select! {
            picture = look.next() => return Ok(Some(picture.into())),
            said = socket.recv() => match said.transpose()? {
                Some(_) => {} // pings are answered by the socket itself
                None => return Ok(None),
            }
        }
    }
}

/// What the client says before the time is over: `None` when it is, `Some(Ok(None))` when the client has gone.
async fn until_heard(
    socket: &mut WebSocket,
    pause: impl Future<Output = ()>,
) -> Option<Result<Option<Frame>, axum::Error>> {
    tokio::select! {
        () = pause => None,
        said = socket.recv() => Some(said.transpose()),
    }
}

async fn send(socket: &mut WebSocket, message: &Message) -> Result<(), axum::Error> {
    let text = serde_json::to_string(message).map_err(axum::Error::new)?;
    socket.send(Frame::Text(Utf8Bytes::from(text))).await
}
