//! Endpoint URLs: any text is refused with a message, or is a URL that is written and read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use socklab_engine::url::{EndpointUrl, UrlError};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    check(text.parse());
    check(EndpointUrl::for_listen(text));
    check(EndpointUrl::for_connect(&[text]));
    if let Some((host, port)) = text.split_once(' ') {
        check(EndpointUrl::for_connect(&[host, port]));
    }
});

fn check(result: Result<EndpointUrl, UrlError>) {
    match result {
        Ok(url) => {
            let written = url.to_string();
            let read: EndpointUrl = written.parse().unwrap_or_else(|error| panic!("{written}: {error}"));
            assert_eq!(read, url, "{written}");
            assert_eq!(read.to_string(), written);
        }
        Err(error) => drop(error.to_string()),
    }
}
