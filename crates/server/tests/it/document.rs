//! The document that the page's types are made of is that of this very server.

use std::fs;
use std::path::PathBuf;

#[test]
fn the_document_that_the_page_is_built_from_is_current() {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/src/api/openapi.json"));
    let current = socklab_server::openapi();
    if std::env::var_os("SOCKLAB_WRITE_OPENAPI").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, &current).expect("written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == current,
        "web/src/api/openapi.json is old: run this test with SOCKLAB_WRITE_OPENAPI=1, then `npm run types`"
    );
}
