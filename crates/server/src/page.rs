//! The page: files that were built from `web/`, out of this very program, or out of a folder while it is worked on.

use std::path::PathBuf;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Where the page comes from.
#[derive(Clone, Debug, Default)]
pub enum Page {
    /// What this program was built with.
    #[default]
    Embedded,
    /// This folder, read anew for each request.
    Folder(PathBuf),
}

/// What files are, by the ends of their names.
const KINDS: [(&str, &str); 11] = [
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("json", "application/json"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("ico", "image/x-icon"),
    ("woff2", "font/woff2"),
    ("webmanifest", "application/manifest+json"),
    ("txt", "text/plain; charset=utf-8"),
    ("md", "text/plain; charset=utf-8"),
];

impl Page {
    /// The file at a path; at `/` the page itself.
    pub(crate) fn get(&self, path: &str) -> Option<Response> {
        let name = if path == "/" { "index.html" } else { path.strip_prefix('/')? };
        if name.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.contains(['\\', ':', '%'])) {
            return None;
        }
        let bytes = match self {
            Page::Embedded => embedded(name).map(<[u8]>::to_vec),
            Page::Folder(folder) => std::fs::read(folder.join(name)).ok(),
        };
        if let (None, "index.html") = (&bytes, name) {
            return Some(not_built());
        }
        let end = name.rsplit_once('.').map_or("", |(_, end)| end);
        let kind = KINDS.iter().find(|(known, _)| *known == end).map_or("application/octet-stream", |(_, kind)| kind);
        // Those of `assets` have their content's hash in their name.
        let keep = if name.starts_with("assets/") { "private, max-age=31536000, immutable" } else { "no-cache" };
        Some(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, keep)], bytes?).into_response())
    }
}

/// The files that this program was built with: see `build.rs`.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

fn embedded(name: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

fn not_built() -> Response {
    let text = "<!doctype html><meta charset=utf-8><title>Socklab</title>\
        <p>This Socklab was built without the workbench's page: install Node.js 20 or later and build it again.\
        <p lang=zh>此 Socklab 构建时没有包含工作台页面：请安装 Node.js 20 或更高版本后重新构建。";
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}
