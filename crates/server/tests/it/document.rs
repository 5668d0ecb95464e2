//! The document that the page's types are made of is that of this very server.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

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

/// All values of a key, anywhere.
fn all_of<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get(key).and_then(Value::as_str));
            fields.values().for_each(|value| all_of(value, key, found));
        }
        Value::Array(items) => items.iter().for_each(|value| all_of(value, key, found)),
        _ => {}
    }
}

#[test]
fn the_document_is_whole() {
    let document: Value = serde_json::from_str(&socklab_server::openapi()).expect("JSON");
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")));
    let (mut references, mut names) = (Vec::new(), Vec::new());
    all_of(&document, "$ref", &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let place = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
    }
    all_of(&document["paths"], "operationId", &mut names);
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "each operation has a name of its own");
}
