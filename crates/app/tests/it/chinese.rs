//! In a Chinese locale the program speaks Chinese: its help, its errors, and where it listens.

use std::net::SocketAddr;
use std::process::Command;

use crate::kit::{Done, Lab, Running, dial, port_of, run};

/// Every command, by the words that lead to it.
pub(crate) const COMMANDS: [&str; 20] = [
    "",
    "listen",
    "connect",
    "send",
    "nc",
    "addr",
    "serve",
    "lan",
    "lan status",
    "lan netstat",
    "lan fault",
    "lan air",
    "completions",
    "capture",
    "capture ls",
    "capture show",
    "capture follow",
    "capture search",
    "capture export",
    "capture stat",
];

pub(crate) fn in_chinese(mut command: Command) -> Command {
    command.env("LC_ALL", "zh_CN.UTF-8");
    command
}

fn run_in_chinese(lab: &Lab, args: &[&str]) -> Done {
    run(in_chinese(lab.socklab(args)))
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

#[test]
fn every_option_of_every_command_is_explained_in_chinese() {
    let lab = Lab::new();
    let mut silent = Vec::new();
    for command in COMMANDS {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = run_in_chinese(&lab, &args).ok();
        let unexplained = options(&help).into_iter().filter(|option| !is_chinese(option));
        silent.extend(unexplained.map(|option| format!("socklab {command}: {}", option.trim())));
    }
    assert!(silent.is_empty(), "{} without Chinese:\n{}", silent.len(), silent.join("\n"));
}

/// The options of a help text, each with the lines that explain it.
fn options(help: &str) -> Vec<String> {
    let mut options: Vec<String> = Vec::new();
    for line in help.lines() {
        let indent = line.len() - line.trim_start().len();
        let begins = line.trim_start().starts_with('-') && indent <= 6;
        match options.last_mut() {
            _ if begins => options.push(line.to_owned()),
            Some(last) if indent > 6 => last.push_str(line),
            _ => {}
        }
    }
    options
}

#[test]
fn every_command_is_explained_in_chinese() {
    let lab = Lab::new();
    for command in COMMANDS {
        let args: Vec<&str> = command.split_whitespace().chain(["-h"]).collect();
        let help = run_in_chinese(&lab, &args).ok();
        let first = help.lines().next().unwrap_or_default();
        assert!(is_chinese(first), "socklab {command} -h begins with {first:?}");
    }
}

#[test]
fn errors_are_in_chinese() {
    let lab = Lab::new();
    let server = lab.listen("tcp-listen://127.0.0.1:0", &[]);
    let in_use = format!("tcp-listen://127.0.0.1:{}", server.port());
    let file = lab.path("a-file");
    std::fs::write(&file, "").expect("a file");
    let of_file = format!("unix-listen://{}", file.display());
    let cases: [&[&str]; 12] = [
        &["listen", &in_use],
        &["connect", "127.7.9.9:1"],
        &["connect", "no-such-host.invalid", "1"],
        &["capture", "show"],
        &["capture", "show", "nope"],
        &["listen", "99999"],
        &["listen", "foo://x"],
        &["send", "tcp://127.0.0.1:1", "--hex", "1"],
        &["capture", "search", "--regex", "("],
        &["connect", "tcp://[fe80::1%nowhere]:1"],
        &["listen", "udp://239.1.2.3:0?join=nowhere"],
        &["listen", &of_file],
    ];
    let told = cases.map(|args| run_in_chinese(&Lab::new(), args));
    let in_english: Vec<&Done> = told.iter().filter(|done| !is_chinese(&done.err)).collect();
    assert!(in_english.is_empty(), "{in_english:#?}");
    assert!(told.iter().all(|done| done.code != Some(0) && done.err.lines().count() == 1), "{told:#?}");
}

#[test]
fn mistakes_in_the_command_line_are_explained_in_chinese() {
    let lab = Lab::new();
    for args in [&["frobnicate"][..], &["listen"], &["listen", "--frobnicate", "1"], &["listen", "1", "--show", "x"]] {
        let done = run_in_chinese(&lab, args);
        assert_eq!(done.code, Some(2), "{done:?}");
        assert!(is_chinese(&done.err), "{args:?}: {}", done.err);
    }
}

#[test]
fn where_it_listens_is_told_in_chinese() {
    let lab = Lab::new();
    let server = Running::start(in_chinese(lab.socklab(["listen", "tcp-listen://127.0.0.1:0"])));
    let line = server.wait_for_told("a line", 1, |line| Some(line.to_owned()));
    assert!(line[0].starts_with("e1 正在监听 tcp-listen://127.0.0.1:"), "{}", line[0]);
}

#[test]
fn what_happens_is_told_in_chinese_and_in_json_in_english() {
    let lab = Lab::new();
    for (show, told) in
        [("text", ["已打开", "已连接", "对端已关闭"]), ("json", ["open", "connected", "closed by peer"])]
    {
        let place = ["listen", "tcp-listen://127.0.0.1:0", "--show", show];
        let server = Running::start(in_chinese(lab.socklab(place)));
        let urls = server.wait_for_told("where", 1, |line| Some(line.split_once("正在监听 ")?.1.to_owned()));
        drop(dial(SocketAddr::from(([127, 0, 0, 1], port_of(&urls[0])))));
        for text in told {
            server.wait_for_text(text);
        }
    }
}

#[test]
fn the_language_follows_posixs_order_of_variables() {
    let lab = Lab::new();
    let cases = [
        (&[("LC_ALL", "zh_CN.UTF-8"), ("LANG", "en_US.UTF-8")][..], true),
        (&[("LC_ALL", ""), ("LC_MESSAGES", "zh_CN"), ("LANG", "en_US.UTF-8")], true),
        (&[("LC_ALL", ""), ("LANG", "zh_TW.UTF-8")], true),
        (&[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")], false),
        (&[("LC_ALL", ""), ("LC_MESSAGES", "de_DE"), ("LANG", "zh_CN.UTF-8")], false),
    ];
    for (variables, chinese) in cases {
        let mut command = lab.socklab(["capture", "show"]);
        command.env_remove("LC_MESSAGES").env_remove("LANG").envs(variables.iter().copied());
        assert_eq!(is_chinese(&run(command).err), chinese, "{variables:?}");
    }
}

#[test]
fn what_is_remarked_about_a_board_is_in_chinese() {
    let lab = Lab::new();
    let program = "import network, socket\nw = network.WLAN(0)\nw.active(True)\nw.connect('x', 'short')\n\
                   while w.status() == 1001: pass\nsocket.socket().connect(('192.168.1.115', 80))\n";
    std::fs::write(lab.path("main.py"), program).expect("a program");
    let done = run_in_chinese(&lab, &["run", "main.py", "--join-time", "0"]);
    assert!(done.err.contains("Wi-Fi x：密码至少 8 个字符"), "{done:?}");
    assert!(done.err.contains("无法到达 192.168.1.115:80：尚未连接 Wi-Fi"), "{done:?}");
}
