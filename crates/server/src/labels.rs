//! What somebody here has said of endpoints and peers: names and encodings. It holds until the workbench ends, also when
//! they are gone, since the log has what they said.

use std::collections::BTreeMap;

use serde::Serialize;
use socklab_capture::text::Encoding;
use socklab_capture::{EndpointId, PeerId};
use utoipa::ToSchema;

/// All that was said, of each what was said last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    pub(crate) names: BTreeMap<PeerId, String>,
    pub(crate) peers: BTreeMap<PeerId, Encoding>,
    pub(crate) endpoints: BTreeMap<EndpointId, Encoding>,
}

/// What was said of an endpoint or a peer, whether it is still there or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Label {
    /// `e1` or `e1.3`.
    of: String,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The encoding of its text, where one of its own was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<String>,
}

impl Labels {
    /// The encoding of a peer's text, or else of its endpoint's.
    pub(crate) fn encoding_of(&self, peer: PeerId) -> Encoding {
        self.peers.get(&peer).or_else(|| self.endpoints.get(&peer.endpoint)).copied().unwrap_or_default()
    }

    /// Every encoding that some peer's text may be in, each once.
    fn encodings(&self) -> Vec<Encoding> {
        let mut all = vec![Encoding::default()];
        for encoding in self.peers.values().chain(self.endpoints.values()) {
            if !all.contains(encoding) {
                all.push(*encoding);
            }
        }
        all
    }

    /// As clients are told.
    pub(crate) fn list(&self) -> Vec<Label> {
        let mut list = BTreeMap::<String, Label>::new();
        for (endpoint, encoding) in &self.endpoints {
            at(&mut list, endpoint.to_string()).encoding = Some(encoding.to_string());
        }
        for (peer, encoding) in &self.peers {
            at(&mut list, peer.to_string()).encoding = Some(encoding.to_string());
        }
        for (peer, name) in &self.names {
            at(&mut list, peer.to_string()).name = Some(name.clone());
        }
        list.into_values().collect()
    }
}

/// What was said of one, to be added to.
fn at(list: &mut BTreeMap<String, Label>, of: String) -> &mut Label {
    list.entry(of.clone()).or_insert(Label { of, ..Label::default() })
}

/// In which encodings the text of a run is read.
#[derive(Clone, Debug)]
pub(crate) enum Reading {
    /// Somebody has asked for this one.
    As(Encoding),
    /// Each peer's in its own.
    Own(Labels),
}

impl Reading {
    /// That of a peer's text.
    pub(crate) fn of(&self, peer: PeerId) -> Encoding {
        match self {
            Reading::As(encoding) => *encoding,
            Reading::Own(labels) => labels.encoding_of(peer),
        }
    }

    /// All that occur, each once.
    pub(crate) fn all(&self) -> Vec<Encoding> {
        match self {
            Reading::As(encoding) => vec![*encoding],
            Reading::Own(labels) => labels.encodings(),
        }
    }
}
