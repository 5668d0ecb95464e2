//! A workbench for whoever works on the page: no interpreter is built into it, and the page comes from a folder.
//!
//! ```text
//! cargo run -p socklab-server --example dev -- --port 7625 --token dev --data /tmp/wb --boards target/debug/socklab
//! ```
//!
//! `--boards` is a `socklab` that was built before, which boards are processes of; `--page` is the folder of the built
//! page, `web/dist` if it is not given.

#![allow(clippy::print_stderr)]

use std::collections::HashMap;
use std::error::Error;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use socklab_engine::Lang;
use socklab_server::{Page, Server, Settings, Token};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let options: HashMap<&str, &str> =
        words.chunks(2).filter_map(|pair| Some((pair.first()?.strip_prefix("--")?, pair.get(1)?.as_str()))).collect();
    let of = |name: &str, otherwise: &'static str| options.get(name).copied().unwrap_or(otherwise);
    let data = PathBuf::from(of("data", "target/dev-workbench"));
    let settings = Settings {
        listen: ([127, 0, 0, 1], of("port", "7625").parse()?).into(),
        moves: false,
        token: Token::chosen(of("token", "dev")).ok_or("a token of letters and digits is wanted")?,
        captures: data.join("captures"),
        retention: Default::default(),
        sync: Default::default(),
        flash: data.join("flash"),
        board_command: vec![of("boards", "target/debug/socklab").into(), "board-process".into()],
        lang: Lang::En,
        page: Page::Folder(of("page", concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/dist")).into()),
    };
    let server = Server::start(settings, |trouble| eprintln!("{trouble:?}"))?;
    eprintln!("{}", server.url());
    // Ends with its input, or when it is killed.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    server.shut_down(Duration::from_secs(1));
    Ok(())
}
