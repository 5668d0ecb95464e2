//! What an exception that nobody caught means: in plain words, with the next step, in English and Chinese. What can
//! be seen before a program runs is in [`crate::look`].
//!
//! Boards give one error different numbers, and one number different errors: 113 is ECONNABORTED on an ESP32 and
//! EHOSTUNREACH on a Pico W. So a number is first given the board's own name, and the name is explained.

use std::fmt;
use std::process::ExitStatus;

use crate::link::{self, Cause, Raised};
use crate::look::{self, Lang};
use crate::profile::Profile;

/// A text in both languages.
type Text = (&'static str, &'static str);

/// What an OSError means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The error's number, where it has one.
    pub number: Option<i32>,
    /// The number's name on this board.
    pub name: Option<&'static str>,
    cause: Text,
    step: Text,
}

impl Explanation {
    /// What happened, in plain words.
    pub fn cause(&self, lang: Lang) -> &'static str {
        lang.pick(self.cause.0, self.cause.1)
    }

    /// What to look at or to do next.
    pub fn next_step(&self, lang: Lang) -> &'static str {
        lang.pick(self.step.0, self.step.1)
    }

    /// The whole of it in one line.
    pub fn text(&self, lang: Lang) -> String {
        let (cause, step) = (self.cause(lang), self.next_step(lang));
        let number = self.number.map_or_else(String::new, |number| format!(" {number}"));
        match (lang, self.name) {
            (Lang::En, Some(name)) => format!("OSError{number} ({name}): {cause}; {step}"),
            (Lang::En, None) => format!("OSError{number}: {cause}; {step}"),
            (Lang::Zh, Some(name)) => format!("OSError{number}（{name}）：{cause}；{step}"),
            (Lang::Zh, None) => format!("OSError{number}：{cause}；{step}"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Lang::En))
    }
}

/// What an uncaught OSError with this number means on a board of this profile; `None` for a number that says nothing.
pub fn explain(profile: &Profile, errno: i32) -> Option<Explanation> {
    let name = name_of(profile, errno)?;
    let (cause, step) = of_network(profile, name)
        .or_else(|| of_way(name))
        .or_else(|| of_socket(name))
        .or_else(|| of_waiting(name))
        .or_else(|| of_file(name))?;
    Some(Explanation { number: Some(errno), name: Some(name), cause, step })
}

/// What an OSError means that has a text in the place of a number, as those of the Wi-Fi do.
pub fn explain_text(text: &str) -> Option<Explanation> {
    let (cause, step) = of_wifi(text)?;
    Some(Explanation { number: None, name: None, cause, step })
}

/// What to say below the traceback of an exception that nobody caught, in one line; `None` where the traceback says
/// it all.
pub fn raised(profile: &Profile, raised: &Raised, lang: Lang) -> Option<String> {
    let last = raised.traceback.lines().last()?;
    let message = last.split_once(": ").map_or("", |(_, message)| message);
    match (raised.class.as_str(), raised.errno) {
        // On a board with Linux also its subclasses: nothing else has a number.
        (_, Some(errno)) => explain(profile, errno).map(|explained| explained.text(lang)),
        ("OSError", None) => explain_text(message).map(|explained| explained.text(lang)),
        (class, _) => hint(profile, class, message, lang),
    }
}

/// Why a board's process ended when nobody had asked it to, and what that means for its program.
pub fn death(status: ExitStatus, lang: Lang) -> String {
    match status.code() {
        Some(link::OUT_OF_MEMORY) => lang
            .pick(
                "the board's memory was used up: it has been restarted, and its variables are gone",
                "板子的内存已耗尽：已重新启动，变量已丢失",
            )
            .into(),
        Some(link::INTERRUPTED) => lang
            .pick(
                "Ctrl-C came in the middle of one long operation: the board has been restarted, and its variables are gone",
                "按下 Ctrl-C 时板子正在执行一个无法中断的长操作：已重新启动，变量已丢失",
            )
            .into(),
        _ => format!("{} ({status})", lang.pick("the board's interpreter died", "板子的解释器意外终止")),
    }
}

/// Who has reset a board: its program says nothing of it.
pub fn reset(cause: Cause, lang: Lang) -> &'static str {
    match cause {
        Cause::Watchdog => lang.pick(
            "nobody has fed the watchdog (WDT) in time: it has reset the board, which begins anew",
            "没有按时喂看门狗（WDT）：它已复位板子，程序从头开始",
        ),
        Cause::DeepSleep => lang.pick(
            "deepsleep() is over: the board wakes as after a reset, and begins anew",
            "deepsleep() 结束：板子像复位一样醒来，程序从头开始",
        ),
        Cause::Hard => lang.pick(
            "the program has called machine.reset(): the board begins anew",
            "程序调用了 machine.reset()：板子从头开始",
        ),
        Cause::Soft => lang.pick(
            "the program has called machine.soft_reset(): it begins anew",
            "程序调用了 machine.soft_reset()：它从头开始",
        ),
        Cause::Power => lang.pick("the board was switched on", "板子已通电"),
    }
}

/// The board's name for a number, of which its module `errno` has only some.
fn name_of(profile: &Profile, errno: i32) -> Option<&'static str> {
    let is_newlib = profile.error_number("ETIMEDOUT") == Some(116);
    profile.error_name(errno).or(match errno {
        -6 => Some("EAI_FAMILY"),
        -3 if is_computer(profile) => Some("EAI_AGAIN"),
        -2 => Some("EAI_NONAME"),
        -200 => Some("EAI_NONAME"),
        -202 => Some("EAI_FAIL"),
        20 => Some("ENOTDIR"),
        23 => Some("ENFILE"),
        24 => Some("EMFILE"),
        28 => Some("ENOSPC"),
        32 => Some("EPIPE"),
        39 if !is_newlib => Some("ENOTEMPTY"),
        90 if is_newlib => Some("ENOTEMPTY"),
        101 if !is_newlib => Some("ENETUNREACH"),
        114 if is_newlib => Some("ENETUNREACH"),
        106 if !is_newlib => Some("EISCONN"),
        127 if is_newlib => Some("EISCONN"),
        _ => None,
    })
}

/// A small computer with CPython, on the system's own TCP/IP.
fn is_computer(profile: &Profile) -> bool {
    profile.name == "linux"
}

/// Errors that come from the other side, and mean more on some boards than on others.
fn of_network(profile: &Profile, name: &str) -> Option<(Text, Text)> {
    Some(match name {
        "ETIMEDOUT" if profile.quirks.empty_send_raises => (
            ("nobody answered in time, or an empty text was sent", "在规定时间内没有应答，或发送了空内容"),
            (
                "is the server listening and the firewall open? Try a longer settimeout(), and after recv() leave the loop on b''",
                "服务器是否在监听，防火墙是否放行？可加大 settimeout()；recv() 得到 b'' 时请退出循环",
            ),
        ),
        "ETIMEDOUT" => (
            ("nobody answered in time", "在规定时间内没有应答"),
            (
                "is the server listening and the firewall open? Try a longer settimeout()",
                "服务器是否在监听，防火墙是否放行？可加大 settimeout()",
            ),
        ),
        // lwIP calls the refusal of a connection a reset.
        "ECONNRESET" if !is_computer(profile) => (
            (
                "nothing listens on that port, or the other side broke the connection off",
                "对方端口没有程序监听，或对方中断了连接",
            ),
            (
                "in connect(): start the server first and compare the port; later: connect anew",
                "若发生在 connect()：请先启动服务器并核对端口；否则请重新连接",
            ),
        ),
        "ECONNRESET" | "EPIPE" => (
            ("the other side broke the connection off", "对方中断了连接"),
            ("connect anew, and stop sending after recv() gave b''", "请重新连接；recv() 返回 b'' 之后不要再发送"),
        ),
        _ => return None,
    })
}

/// Errors that come from the way to the other side, on whichever board.
fn of_way(name: &str) -> Option<(Text, Text)> {
    Some(match name {
        "ECONNREFUSED" => (
            ("the machine answered, but nothing listens on that port", "对方主机有应答，但该端口没有程序监听"),
            ("start the server first and compare the port", "请先启动服务器并核对端口"),
        ),
        "ECONNABORTED" => (
            ("nobody answered at that address, or the connection was given up", "该地址没有应答，或连接已被放弃"),
            (
                "compare the address with that of the server (`socklab addr`): both must be in one network",
                "请核对服务器地址（socklab addr），两者须在同一网络",
            ),
        ),
        "EHOSTUNREACH" | "ENETUNREACH" => (
            ("there is no way to that address", "没有到达该地址的网络"),
            (
                "is the Wi-Fi connected (wlan.isconnected()), and the address in the board's network (wlan.ifconfig())?",
                "Wi-Fi 是否已连接（wlan.isconnected()），地址是否与板子同网段（wlan.ifconfig()）？",
            ),
        ),
        "EAI_NONAME" | "EAI_FAIL" | "EAI_AGAIN" | "EAI_FAMILY" => (
            ("the name could not be looked up", "域名解析失败"),
            (
                "is the Wi-Fi connected and the name spelt right? Try a numeric address such as '192.168.1.115'",
                "Wi-Fi 是否已连接，域名是否正确？可改用数字地址，例如 '192.168.1.115'",
            ),
        ),
        _ => return None,
    })
}

/// Errors that come from the order of calls.
fn of_socket(name: &str) -> Option<(Text, Text)> {
    Some(match name {
        "EADDRINUSE" => (
            ("the port is taken, often by the program's last run", "端口已被占用，常常是程序上一次运行留下的"),
            (
                "setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1) before bind(), close() at the end, or another port",
                "请在 bind() 之前调用 setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)，结束时 close()，或换一个端口",
            ),
        ),
        "ENOTCONN" => (
            ("the socket is not connected", "套接字没有连接"),
            (
                "connect() must come first and succeed; after a failed connect(), make a new socket",
                "请先成功 connect()；connect() 失败之后要新建套接字",
            ),
        ),
        "EISCONN" => (
            ("the socket is connected already", "套接字已经连接"),
            ("make a new socket for a new connection", "新的连接请新建套接字"),
        ),
        "EBADF" => (
            ("the socket or file is closed", "套接字或文件已经关闭"),
            (
                "is there a close() inside the loop? Make a new socket after it, or close at the end",
                "close() 是否写在了循环里？请在其后新建套接字，或在最后才关闭",
            ),
        ),
        "ENFILE" | "EMFILE" => (
            ("too many sockets are open", "打开的套接字太多"),
            ("close() each connection that accept() gave, when done with it", "accept() 得到的连接用完后都要 close()"),
        ),
        _ => return None,
    })
}

/// Errors of a socket that cannot do it now, or at all.
fn of_waiting(name: &str) -> Option<(Text, Text)> {
    Some(match name {
        "EAGAIN" => (
            ("there is nothing yet, and the socket does not wait", "暂时没有数据，而套接字不等待"),
            (
                "try again later, or settimeout(5), or wait with select.poll()",
                "稍后重试，或用 settimeout(5)，或用 select.poll() 等待",
            ),
        ),
        "EINPROGRESS" | "EALREADY" => (
            (
                "connect() has begun and is not done, since the socket does not wait",
                "connect() 正在进行，因为套接字不等待",
            ),
            (
                "wait with select.poll() until it can send, or connect before setblocking(False)",
                "用 select.poll() 等到可发送，或在 setblocking(False) 之前连接",
            ),
        ),
        "EINVAL" => (
            (
                "an argument does not fit, or listen() is missing before accept()",
                "参数不合适，或在 accept() 之前没有 listen()",
            ),
            ("compare the call with its documentation", "请对照文档检查这次调用"),
        ),
        "ENOBUFS" => (
            ("the board has no memory left for the network", "板子没有内存可供网络使用"),
            (
                "send less at once, pause between sends, close what is not needed",
                "每次少发一些，发送之间停顿，关闭不用的套接字",
            ),
        ),
        "EOPNOTSUPP" => (
            ("this kind of socket cannot do that", "这种套接字不支持该操作"),
            ("listen() and accept() are for SOCK_STREAM only", "listen() 和 accept() 只用于 SOCK_STREAM"),
        ),
        _ => return None,
    })
}

/// Errors that come from files, memory and the rest.
fn of_file(name: &str) -> Option<(Text, Text)> {
    Some(match name {
        "ENOENT" => (
            ("there is no such file or folder in the board's flash", "板子的存储中没有该文件或目录"),
            (
                "os.listdir() shows what there is; copy the file to the board first",
                "用 os.listdir() 查看；请先把文件复制到板子上",
            ),
        ),
        "EEXIST" => (
            ("there is a file or folder of that name already", "同名文件或目录已经存在"),
            ("choose another name, or remove it first", "请换个名字，或先删除它"),
        ),
        "EISDIR" => (("that is a folder", "这是一个目录"), ("name a file in it", "请写出其中的文件名")),
        "ENOTDIR" => (("that is a file and no folder", "这是文件而不是目录"), ("compare the path", "请核对路径")),
        "ENOTEMPTY" => {
            (("the folder is not empty", "目录不为空"), ("remove what is in it first", "请先删除其中的文件"))
        }
        "ENOSPC" => (("the flash is full", "存储已满"), ("remove files that are not needed", "请删除不需要的文件")),
        "EACCES" | "EPERM" => (
            ("that is not allowed", "没有权限"),
            (
                "is the file open for reading only, or the port below 1024?",
                "文件是否以只读方式打开，端口是否小于 1024？",
            ),
        ),
        "ENODEV" => (
            ("the device does not answer", "设备没有应答"),
            ("compare wiring, pins and address", "请检查接线、引脚和地址"),
        ),
        "EIO" => (
            ("reading or writing failed", "读写失败"),
            ("try again, then compare wiring or file system", "请重试，再检查接线或文件系统"),
        ),
        "ENOMEM" => (
            ("the board's memory is used up, or too many sockets are open", "板子内存不足，或打开的套接字太多"),
            (
                "close() what is done with, receive and send in smaller pieces, gc.collect()",
                "关闭用完的套接字，分小块收发，并调用 gc.collect()",
            ),
        ),
        _ => return None,
    })
}

/// The texts of the Wi-Fi's OSErrors.
fn of_wifi(text: &str) -> Option<(Text, Text)> {
    let has = |what: &str| text.to_ascii_lowercase().contains(what);
    Some(if has("wifi internal state error") || has("wifi internal error") {
        (
            (
                "the Wi-Fi is busy connecting already, often from the program's last run",
                "Wi-Fi 正在连接中，常常是上一次运行留下的",
            ),
            (
                "connect() only `if not wlan.isconnected()`, and wlan.disconnect() or wlan.active(False) before it",
                "仅在“if not wlan.isconnected()”时 connect()，之前先 wlan.disconnect() 或 wlan.active(False)",
            ),
        )
    } else if has("wifi not started") || has("sta must be active") || has("wifi not initialized") {
        (
            ("the Wi-Fi is switched off", "Wi-Fi 没有打开"),
            ("call wlan.active(True) first", "请先调用 wlan.active(True)"),
        )
    } else if has("wifi invalid password") {
        (
            ("a Wi-Fi password has 8 to 63 characters", "Wi-Fi 密码须为 8 到 63 个字符"),
            ("choose a longer one, or none for an open network", "请换长一些的密码；开放网络则不要密码"),
        )
    } else if has("wifi invalid argument") || has("wifi invalid mode") || has("ssid too long") {
        (
            (
                "the Wi-Fi was given a name, password or setting that it cannot take",
                "Wi-Fi 不接受给出的名称、密码或设置",
            ),
            ("compare SSID (at most 32 bytes) and password", "请核对 SSID（最多 32 字节）和密码"),
        )
    } else if has("wifi out of memory") {
        (
            ("the board has no memory left for the Wi-Fi", "板子没有内存可供 Wi-Fi 使用"),
            ("switch the Wi-Fi on before making large buffers", "请在创建大缓冲区之前打开 Wi-Fi"),
        )
    } else {
        return None;
    })
}

/// A word on what beginners meet besides OSErrors.
fn hint(profile: &Profile, class: &str, message: &str, lang: Lang) -> Option<String> {
    let quoted = || message.split('\'').nth(1).filter(|name| !name.is_empty());
    match class {
        "NameError" => look::about_name(profile, quoted()?).map(|kind| kind.text(lang)),
        "AttributeError" => {
            let name = message.rsplit('\'').nth(1)?;
            look::about_attribute(profile, name).map(|kind| kind.text(lang))
        }
        "ImportError" => look::about_module(profile, quoted()?).map(|kind| kind.text(lang)),
        "ModuleNotFoundError" => look::about_library(profile, quoted()?).map(|kind| kind.text(lang)),
        "MemoryError" => {
            let en = "the board's memory is used up: receive and keep smaller pieces, del what is not needed, then gc.collect()";
            let zh = "板子内存不足：请分小块接收和保存，用 del 删除不需要的对象，再调用 gc.collect()";
            Some(lang.pick(en, zh).to_owned())
        }
        "TypeError" if message == ADDRESS_IN_PIECES => {
            let en = "if this is connect() or bind(): the address is one tuple, so write two pairs of parentheses, s.connect((host, port))";
            let zh = "若这是 connect() 或 bind()：地址是一个元组，请写两层括号，例如 s.connect((host, port))";
            Some(lang.pick(en, zh).to_owned())
        }
        "SyntaxError" if message == "invalid UTF-8: UTF-16" => {
            let en = "the file is UTF-16 (Windows calls it Unicode): save it as UTF-8 in the editor (\"Save with encoding\")";
            let zh = "文件是 UTF-16 编码（Windows 称为 Unicode）：请在编辑器中选择“以 UTF-8 编码保存”";
            Some(lang.pick(en, zh).to_owned())
        }
        "ValueError" if message == "invalid pin" => {
            let (name, first, last) = (profile.name, profile.pins.start(), profile.pins.end());
            let en = format!("the board {name} has no such pin: its pins are {first} to {last}");
            let zh = format!("板子 {name} 没有这个引脚：可用的引脚为 {first} 到 {last}");
            Some(lang.pick(&en, &zh).to_owned())
        }
        "OverflowError" if message == "overflow converting long int to machine word" => {
            let en = "the number is larger than what takes it: print() it, and compare the range of the function";
            let zh = "数值超出了函数能接受的范围：请用 print() 查看该数值，并核对函数的取值范围";
            Some(lang.pick(en, zh).to_owned())
        }
        "SyntaxError" if message == "invalid UTF-8" => {
            let en = "the file is not UTF-8, perhaps GBK: save it as UTF-8 in the editor (\"Save with encoding\")";
            let zh = "文件不是 UTF-8 编码（可能是 GBK）：请在编辑器中选择“以 UTF-8 编码保存”";
            Some(lang.pick(en, zh).to_owned())
        }
        _ => None,
    }
}

/// What `s.connect(host, port)` gives.
const ADDRESS_IN_PIECES: &str = "function takes 2 positional arguments but 3 were given";

#[cfg(test)]
mod tests {
    use super::*;

    fn text(board: &str, errno: i32) -> String {
        explain(Profile::named(board).unwrap(), errno).unwrap().to_string()
    }

    #[test]
    fn a_number_means_what_it_does_on_this_board() {
        for (board, errno, begin) in [
            ("esp32", 113, "OSError 113 (ECONNABORTED): nobody answered at that address"),
            ("rp2", 113, "OSError 113 (EHOSTUNREACH): there is no way"),
            ("esp32", 118, "OSError 118 (EHOSTUNREACH): there is no way"),
            (
                "esp32",
                116,
                "OSError 116 (ETIMEDOUT): nobody answered in time, or an empty text was sent; is the server",
            ),
            (
                "k230",
                110,
                "OSError 110 (ETIMEDOUT): nobody answered in time; is the server listening and the firewall open? Try",
            ),
            ("esp32", 104, "OSError 104 (ECONNRESET): nothing listens on that port, or"),
            ("linux", 104, "OSError 104 (ECONNRESET): the other side broke"),
            ("linux", 111, "OSError 111 (ECONNREFUSED): the machine answered"),
            ("mpython", 112, "OSError 112 (EADDRINUSE): the port is taken"),
            ("waffle", 98, "OSError 98 (EADDRINUSE): the port is taken"),
            ("esp32", 128, "OSError 128 (ENOTCONN): the socket is not connected"),
            ("k230", 107, "OSError 107 (ENOTCONN): the socket is not connected"),
            ("esp32", 9, "OSError 9 (EBADF): the socket or file is closed"),
            ("esp32", 23, "OSError 23 (ENFILE): too many sockets"),
            ("esp32", 2, "OSError 2 (ENOENT): there is no such file"),
            ("esp32", -202, "OSError -202 (EAI_FAIL): the name could not be looked up"),
            ("rp2", -2, "OSError -2 (EAI_NONAME): the name could not be looked up"),
        ] {
            let said = text(board, errno);
            assert!(said.starts_with(begin), "{board}: {said}");
        }
        assert_eq!(explain(Profile::named("esp32").unwrap(), 12345), None);
    }

    #[test]
    fn every_error_that_a_board_names_is_explained_in_one_line() {
        for profile in Profile::names().filter_map(Profile::named) {
            for (number, name) in profile.errors {
                let explained =
                    explain(profile, *number).unwrap_or_else(|| panic!("{} has no word on {name}", profile.name));
                for lang in [Lang::En, Lang::Zh] {
                    let text = explained.text(lang);
                    assert!(text.contains(name) && !text.contains('\n') && !text.ends_with(['.', '。']), "{text}");
                }
            }
        }
    }

    fn after(class: &str, message: &str) -> Option<String> {
        after_on("esp32", class, message)
    }

    fn after_on(board: &str, class: &str, message: &str) -> Option<String> {
        let traceback = format!(
            "Traceback (most recent call last):\r\n  File \"main.py\", line 3, in <module>\r\n{class}: {message}\r\n"
        );
        raised(Profile::named(board).unwrap(), &Raised { traceback, class: class.into(), errno: None }, Lang::En)
    }

    #[test]
    fn what_has_no_number_is_explained_by_its_text() {
        assert!(
            after("OSError", "Wifi Internal State Error").unwrap().starts_with("OSError: the Wi-Fi is busy connecting")
        );
        assert!(after("OSError", "STA must be active").unwrap().contains("wlan.active(True)"));
        assert_eq!(after("OSError", "something"), None);
        assert!(after("NameError", "name 'time' isn't defined").unwrap().contains("add `import time`"));
        assert!(after("NameError", "name 'prnit' isn't defined").unwrap().contains("did you mean `print`"));
        assert!(after("NameError", "name 'TimeoutError' isn't defined").unwrap().contains("use OSError"));
        assert!(
            after("AttributeError", "'str' object has no attribute 'zfill'").unwrap().contains("'{:>5}'.format(x)")
        );
        assert!(after("ImportError", "no module named 'datetime'").unwrap().contains("time.localtime()"));
        assert_eq!(
            after("ImportError", "no module named 'mpython'").unwrap(),
            "the board esp32 has no module `mpython`: the board mpython has: --board mpython"
        );
        assert!(after("ImportError", "no module named 'socekt'").unwrap().contains("did you mean `socket`"));
        assert!(
            after("MemoryError", "memory allocation failed, allocating 200000 bytes").unwrap().contains("gc.collect()")
        );
        assert!(after("ValueError", "invalid pin").unwrap().contains("its pins are 0 to 39"));
        assert!(after("OverflowError", "overflow converting long int to machine word").unwrap().contains("range"));
        assert!(after("SyntaxError", "invalid UTF-8: UTF-16").unwrap().contains("save it as UTF-8"));
        assert_eq!(after("ValueError", "something"), None);
        assert_eq!(
            after_on("linux", "ModuleNotFoundError", "No module named 'csv'").unwrap(),
            "the board linux has no module `csv`: of CPython's library there is what needs neither C nor the machine below"
        );
        assert_eq!(after_on("linux", "ModuleNotFoundError", "No module named 'numpy'"), None);
    }
}
