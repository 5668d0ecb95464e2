//! thin
use std::time::Duration;
use socklab_engine::*;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let get = |n: &str| args.iter().position(|a| a == n).map(|i| args[i + 1].clone());
    let data = get("--data").unwrap_or("/tmp/slab".into());
    let store = if get("--capture").as_deref() == Some("none") { Store::Nothing } else {
        Store::Disk { captures: std::path::PathBuf::from(data).join("captures"), retention: Default::default(), sync: match get("--sync").as_deref() { Some("none") => Sync::None, _ => Sync::Interval } }
    };
    let (engine, _) = Engine::start(Config { store, run: format!("r{}", std::process::id()), reader: false }, |t| eprintln!("{t:?}")).unwrap();
    let mut url = url::EndpointUrl::for_listen(&args[2]).unwrap();
    if args.iter().any(|a| a == "--echo") { url.options.echo = Some(true); }
    match engine.remote().call(Command::Open(url)) {
        Some(Reply::Opened(id, url)) => eprintln!("{id} listening on {url}"),
        other => { eprintln!("{other:?}"); std::process::exit(1) }
    }
    let (tx, rx) = std::sync::mpsc::channel();
    ctrlc::set_handler(move || { let _ = tx.send(()); }).unwrap();
    rx.recv().unwrap();
    let f = engine.shut_down(Duration::from_secs(2));
    eprintln!("{f:?}");
    std::process::exit(130);
}
