//! Who gets in. Each way in which a page of another site, a name that leads here, or somebody without the token could
//! try is a test of its own.

use serde_json::json;
use tungstenite::client::IntoClientRequest;

use crate::kit::{Answer, Bench, TOKEN};

/// A request with these headers beside the ones that every client sends.
fn ask(bench: &Bench, host: &str, headers: &str) -> Answer {
    bench.say(&format!("GET /api/state HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n"), b"")
}

fn own(bench: &Bench) -> String {
    bench.at().to_string()
}

/// What a browser says of a request that this server's own page makes.
const OWN_PAGE: &str = "Sec-Fetch-Site: same-origin\r\n";

const KNOWS: &str = "Authorization: Bearer t0ken\r\n";

#[test]
fn the_own_names_of_this_machine_are_answered() {
    let bench = Bench::new();
    let port = bench.at().port();
    for host in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
        assert_eq!(ask(&bench, &format!("{host}:{port}"), KNOWS).status, 200, "{host}");
    }
}

#[test]
fn a_name_that_only_leads_here_is_refused_with_the_token_too() {
    let bench = Bench::new();
    let port = bench.at().port();
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "192.0.2.1", "0.0.0.0", ""] {
        let answer = ask(&bench, &format!("{host}:{port}"), KNOWS);
        assert_eq!((answer.status, answer.code().as_str()), (403, "wrong_host"), "{host}");
    }
    for host in ["127.0.0.1:99999", "127.0.0.1:", "localhost:x"] {
        assert_eq!(ask(&bench, host, KNOWS).status, 403, "{host}");
    }
    let page = ask(&bench, "evil.example", "Accept: text/html,*/*\r\n");
    assert!(page.status == 403 && page.text().starts_with("<!doctype html>"), "a person is shown a page: {page:?}");
    let twice = format!("Host: evil.example\r\n{KNOWS}");
    assert!(matches!(ask(&bench, &own(&bench), &twice).status, 400 | 403), "two names");
    let none = bench.say(&format!("GET /api/state HTTP/1.0\r\n{KNOWS}\r\n"), b"");
    assert!(matches!(none.status, 400 | 403), "no name");
}

#[test]
fn another_site_is_refused_with_the_token_too() {
    let bench = Bench::new();
    let (host, port) = (own(&bench), bench.at().port());
    for origin in ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1", "file://"] {
        let answer = ask(&bench, &host, &format!("Origin: {origin}\r\n{KNOWS}"));
        assert_eq!((answer.status, answer.code().as_str()), (403, "wrong_origin"), "{origin}");
    }
    // The same machine under another of its names is another origin.
    assert_eq!(ask(&bench, &host, &format!("Origin: http://localhost:{port}\r\n{KNOWS}")).status, 403);
    assert_eq!(ask(&bench, &host, &format!("Origin: http://{host}\r\n{KNOWS}")).status, 200);
    for site in ["cross-site", "same-site", "whatever"] {
        let answer = ask(&bench, &host, &format!("Sec-Fetch-Site: {site}\r\n{KNOWS}"));
        assert_eq!((answer.status, answer.code().as_str()), (403, "wrong_site"), "{site}");
    }
    for site in ["same-origin", "none"] {
        assert_eq!(ask(&bench, &host, &format!("Sec-Fetch-Site: {site}\r\n{KNOWS}")).status, 200, "{site}");
    }
}

#[test]
fn without_the_token_there_is_nothing() {
    let bench = Bench::new();
    let host = own(&bench);
    let port = bench.at().port();
    for headers in [
        String::new(),
        "Authorization: Bearer wrong\r\n".into(),
        "Authorization: Bearer \r\n".into(),
        format!("Authorization: Basic {TOKEN}\r\n"),
        format!("Cookie: socklab={TOKEN}\r\n"),
        format!("Cookie: socklab-{port}=wrong\r\n"),
        format!("Cookie: socklab-{port}={TOKEN}\r\n{OWN_PAGE}"),
        format!("Cookie: x-{}\r\n{OWN_PAGE}", bench.cookie(&host)),
    ] {
        let answer = ask(&bench, &host, &headers);
        assert_eq!((answer.status, answer.code().as_str()), (401, "no_token"), "{headers}");
    }
    for path in ["/", "/index.html", "/api/hello", "/api/openapi.json", "/metrics", "/api/nothing", "/assets/x.js"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(bench.say(&request, b"").status, 401, "{path}");
    }
    let cookies = format!("Cookie: a=b; {}; c=d\r\n{OWN_PAGE}", bench.cookie(&host));
    assert_eq!(ask(&bench, &host, &cookies).status, 200);
    assert_eq!(ask(&bench, &host, &format!("authorization: bearer {TOKEN}\r\n")).status, 200, "in whatever case");
}

#[test]
fn a_cookie_that_another_port_has_seen_is_no_token() {
    let bench = Bench::new();
    let host = own(&bench);
    let cookie = bench.cookie(&host);
    let (_, value) = cookie.split_once('=').expect("a cookie");
    assert!(value.len() == 32 && value != TOKEN);
    assert_eq!(ask(&bench, &host, &format!("Authorization: Bearer {value}\r\n")).status, 401);
    assert_eq!(ask(&bench, &host, &format!("Cookie: {cookie}\r\n")).status, 401, "no page asks");
    for said in [OWN_PAGE.to_owned(), "Sec-Fetch-Site: none\r\n".into(), format!("Origin: http://{host}\r\n")] {
        assert_eq!(ask(&bench, &host, &format!("Cookie: {cookie}\r\n{said}")).status, 200, "{said}");
    }
    let enter = format!("GET /?token={value} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    assert_eq!(bench.say(&enter, b"").status, 401, "and is no way in");
}

#[test]
fn another_port_of_this_machine_may_lead_here() {
    let bench = Bench::new();
    for host in ["localhost:9", "127.0.0.1", "[::1]:65535", "[::1]"] {
        assert_eq!(ask(&bench, host, KNOWS).status, 200, "{host}");
    }
    let cookie = bench.cookie("localhost:9000");
    assert!(cookie.starts_with("socklab-9000="), "it is of the port that the browser knows: {cookie}");
    let with = |origin: &str| format!("Cookie: {cookie}\r\nOrigin: {origin}\r\n");
    assert_eq!(ask(&bench, "localhost:9000", &with("http://localhost:9000")).status, 200);
    let own = format!("http://{}", own(&bench));
    assert_eq!(ask(&bench, "localhost:9000", &with(&own)).status, 403, "an origin is what the host is");
    assert_eq!(ask(&bench, "evil.example:9000", KNOWS).status, 403);
}

#[test]
fn the_address_that_is_printed_becomes_a_cookie_once() {
    let bench = Bench::new();
    let (host, port) = (own(&bench), bench.at().port());
    assert_eq!(bench.url(), format!("http://{host}/?token={TOKEN}"));
    let enter = |query: &str, more: &str| {
        bench.say(&format!("GET /?{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n"), b"")
    };
    let answer = enter(&format!("token={TOKEN}"), "Sec-Fetch-Site: none\r\n");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "the token leaves the address");
    let cookie = answer.header("set-cookie").expect("a cookie");
    let (name, rest) = cookie.split_once('=').expect("a cookie");
    assert_eq!(name, format!("socklab-{port}"));
    let (value, rest) = rest.split_once("; ").expect("a value");
    assert!(value != TOKEN && rest == "Path=/; HttpOnly; SameSite=Strict", "{cookie}");
    for (query, more) in [
        ("token=wrong".to_owned(), ""),
        ("token=".to_owned(), ""),
        (format!("tokens={TOKEN}"), ""),
        (format!("token={TOKEN}"), "Sec-Fetch-Site: cross-site\r\n"),
        (format!("token={TOKEN}"), "Origin: http://evil.example\r\n"),
    ] {
        let answer = enter(&query, more);
        assert!(matches!(answer.status, 401 | 403) && answer.header("set-cookie").is_none(), "{query} {more}");
    }
    let elsewhere = format!("GET /api/state?token={TOKEN} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    assert_eq!(bench.say(&elsewhere, b"").status, 401, "nowhere else is the address enough");
}

#[test]
fn a_form_of_another_site_changes_nothing() {
    let bench = Bench::new();
    let host = own(&bench);
    let cookie = bench.cookie(&host);
    let body = json!({"do": "open", "url": "tcp-listen://127.0.0.1:0"}).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        for path in ["/api/command", "/api/send-file?to=all", "/api/look"] {
            let request = format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n{OWN_PAGE}Content-Type: {kind}\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            assert_eq!(bench.say(&request, body.as_bytes()).status, 415, "{path} {kind}");
        }
    }
    assert_eq!(bench.state()["endpoints"], json!([]));
}

fn upgrade(bench: &Bench, path: &str, headers: &[(&'static str, String)]) -> u16 {
    let mut request = format!("ws://{}{path}", bench.at()).into_client_request().expect("a URL");
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    let stream = std::net::TcpStream::connect(bench.at()).expect("it listens");
    match tungstenite::client(request, stream) {
        Ok((_, response)) => response.status().as_u16(),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => response.status().as_u16(),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn a_websocket_from_elsewhere_is_not_opened() {
    let bench = Bench::new();
    let (host, port) = (own(&bench), bench.at().port());
    let cookie = ("Cookie", bench.cookie(&host));
    let origin = |origin: &str| ("Origin", origin.to_owned());
    let site = |site: &str| ("Sec-Fetch-Site", site.to_owned());
    for path in ["/api/live", "/api/boards/b1/console"] {
        assert_eq!(upgrade(&bench, path, &[]), 401, "{path}");
        assert_eq!(
            upgrade(&bench, path, std::slice::from_ref(&cookie)),
            401,
            "{path}: a browser says where it is from"
        );
        assert_eq!(upgrade(&bench, path, &[origin("http://evil.example"), cookie.clone()]), 403, "{path}");
        assert_eq!(upgrade(&bench, path, &[site("cross-site"), cookie.clone()]), 403, "{path}");
        assert_eq!(upgrade(&bench, path, &[("Host", format!("evil.example:{port}")), cookie.clone()]), 403, "{path}");
    }
    assert_eq!(upgrade(&bench, "/api/live", &[origin(&format!("http://{host}")), cookie]), 101);
}

#[test]
fn two_instances_side_by_side_do_not_take_each_others_cookies() {
    let (one, other) = (Bench::new(), Bench::new());
    let theirs = other.at().port();
    let cookies = format!("Cookie: {}; socklab-{theirs}=of-the-other\r\n{OWN_PAGE}", one.cookie(&own(&one)));
    assert_eq!(ask(&one, &own(&one), &cookies).status, 200);
    assert_eq!(ask(&other, &own(&other), &cookies).status, 401);
    let origin = format!("Origin: http://{}\r\n{KNOWS}", own(&other));
    assert_eq!(ask(&one, &own(&one), &origin).status, 403, "another port is another site");
}

#[test]
fn every_answer_tells_browsers_to_be_strict() {
    let bench = Bench::new();
    let refused = ask(&bench, "evil.example", KNOWS);
    for answer in [bench.get("/"), bench.get("/api/state"), bench.get("/api/nothing"), bench.get("/metrics"), refused] {
        let policy = answer.header("content-security-policy").expect("a policy").to_owned();
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ] {
            assert!(policy.split(';').any(|known| known.trim() == rule), "{rule}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{}", answer.head);
        }
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn nothing_here_dials_the_control_port() {
    let bench = Bench::new();
    let port = bench.at().port();
    for host in ["127.0.0.1", "localhost", "127.9.9.9", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"] {
        let answer = bench.command(&json!({"do": "open", "url": format!("tcp://{host}:{port}")}));
        assert_eq!(answer.code(), "refused_by_system", "{host}");
        // A name may have addresses that are not there before the one that is.
        assert!(answer.text().contains("control port"), "{host}: {}", answer.text());
    }
    let zh = bench.ask(
        "POST",
        "/api/command?lang=zh",
        Some((
            "application/json",
            json!({"do": "open", "url": format!("tcp://127.0.0.1:{port}")}).to_string().as_bytes(),
        )),
    );
    assert!(zh.text().contains("控制端口"), "{}", zh.text());
}

#[test]
fn a_path_leads_to_no_other_file() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("dist")).expect("made");
    std::fs::write(folder.path().join("dist/index.html"), "<!doctype html>").expect("written");
    std::fs::write(folder.path().join("secret"), "secret").expect("written");
    let bench = Bench::with_page(socklab_server::Page::Folder(folder.path().join("dist")));
    assert_eq!(bench.get("/").text(), "<!doctype html>");
    for path in ["/../secret", "/..%2fsecret", "/./../secret", "//etc/passwd", "/%2e%2e/secret", "/a/../../secret"] {
        assert_eq!(bench.get(path).status, 404, "{path}");
    }
    for run in ["..", "..%2f..", "%2Fetc", "."] {
        let answer = bench.get(&format!("/api/runs/{run}/records"));
        assert_eq!(answer.status, 404, "{run}: {}", answer.text());
    }
}
