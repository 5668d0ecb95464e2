//! What goes wrong with captures, and what is in them, in words: English and Chinese, with what can be done. What goes
//! wrong with sockets is in `failure`.

use socklab_capture::run::{Gap, RunError};
use socklab_capture::{Event, Side};

use crate::failure::{Lang, cause};
pub use crate::writer::Trouble;

/// What a person reads of an event without bytes. Errors and notes were put into words when they happened.
pub fn event_text<'a>(event: &Event<'a>, lang: Lang) -> Option<&'a str> {
    let zh = match event {
        _ if lang == Lang::En => return event.text(),
        Event::Opened("open") => "已打开",
        Event::Opened("dialling") => "正在连接",
        Event::Connected => "已连接",
        Event::Finished(Side::Local) => "本端已结束发送",
        Event::Finished(Side::Peer) => "对端已结束发送",
        Event::Closed(Side::Local) => "已关闭",
        Event::Closed(Side::Peer) => "对端已关闭",
        Event::Reset(Side::Local) => "已强制断开",
        Event::Reset(Side::Peer) => "被对端强制断开",
        other => return other.text(),
    };
    Some(zh)
}

/// A capture's error in the person's language, with what can be done.
pub fn capture_text(error: &RunError, lang: Lang) -> String {
    match error {
        RunError::Io { operation, .. } => what_happened(error, lang) + hint(operation, lang),
        _ => what_happened(error, lang),
    }
}

fn what_happened(error: &RunError, lang: Lang) -> String {
    if let Some(gap) = error.gap() {
        return gap_text(gap, lang);
    }
    match (error, lang) {
        (RunError::Io { operation, path, source }, _) => {
            let (cause, path) = (cause(source, lang), path.display());
            match lang {
                Lang::En => format!("cannot {operation} {path}: {cause}"),
                Lang::Zh => format!("无法{} {path}：{cause}", operation_zh(operation)),
            }
        }
        (_, Lang::En) => error.to_string(),
        (RunError::Foreign { path, why }, Lang::Zh) => {
            format!("无法读取 {}：{}", path.display(), why.zh())
        }
        (RunError::NoSuchRun { name, captures }, Lang::Zh) => {
            format!("{} 中没有名为 {name:?} 的抓取；用 `socklab capture ls` 查看", captures.display())
        }
        (RunError::FolderOfRuns(path), Lang::Zh) => {
            let path = path.display();
            format!("{path} 是存放抓取的文件夹，不是一次抓取；请用 `--capture {path}`")
        }
        (RunError::NoRuns(captures), Lang::Zh) => {
            format!("{} 中还没有抓取；运行 `socklab listen 10000` 即可产生", captures.display())
        }
        (RunError::Damaged { path, offset }, Lang::Zh) => {
            format!("无法读取 {}：在第 {offset} 字节处损坏", path.display())
        }
    }
}

/// What can be done where a capture cannot be written.
fn hint(operation: &str, lang: Lang) -> &'static str {
    match operation {
        "create" | "write" | "lock" | "sync" => lang.pick(
            "; `--data DIR` keeps it elsewhere, `listen --capture none` nowhere",
            "；用 `--data DIR` 换个位置，或用 `listen --capture none` 不保存",
        ),
        _ => "",
    }
}

fn operation_zh(operation: &str) -> &str {
    match operation {
        "create" => "创建",
        "read" => "读取",
        "write" => "写入",
        "lock" => "锁定",
        "remove" => "删除",
        "sync" => "同步",
        other => other,
    }
}

/// Which records nobody will see any more.
pub fn gap_text(Gap { from, to }: Gap, lang: Lang) -> String {
    match lang {
        Lang::En => format!("records {from} to {to} are missing: removed, by --keep or by hand, or never written"),
        Lang::Zh => format!("记录 {from} 到 {to} 缺失：已被 --keep 或手动删除，或未能写入"),
    }
}

impl Trouble {
    /// The whole of it in one line, without a full stop.
    pub fn text(&self, lang: Lang) -> String {
        match (self, lang) {
            (Trouble::Stuck(error), Lang::En) => {
                format!("{}; reading has stopped, and goes on when there is room", what_happened(error, lang))
            }
            (Trouble::Stuck(error), Lang::Zh) => format!("{}；已暂停接收，有空间后会继续", what_happened(error, lang)),
            (Trouble::Recovered, _) => lang.pick("the capture can be written again", "抓取文件又可以写入了").into(),
            (Trouble::Unsafe(error), Lang::En) => {
                format!("{}; what is captured may not survive a power cut", what_happened(error, lang))
            }
            (Trouble::Unsafe(error), Lang::Zh) => format!("{}；断电时抓取的数据可能会丢失", what_happened(error, lang)),
            (Trouble::Gone(path), Lang::En) => {
                format!("{} was moved or deleted; what comes from now on is kept in a new file", path.display())
            }
            (Trouble::Gone(path), Lang::Zh) => {
                format!("{} 已被移走或删除；此后的内容会保存到新文件中", path.display())
            }
            (Trouble::NotAccepting(failure), _) => {
                failure.text(lang) + lang.pick("; new connections wait", "；新的连接需等待")
            }
            (Trouble::Accepting(place), Lang::En) => format!("{place} takes new connections again"),
            (Trouble::Accepting(place), Lang::Zh) => format!("{place} 又可以接受新的连接了"),
            (Trouble::Refused { from, datagram: false, most, .. }, Lang::En) => {
                format!("refused {from}: {most} peers are connected (max_peers={most})")
            }
            (Trouble::Refused { from, datagram: false, most, .. }, Lang::Zh) => {
                format!("拒绝 {from}：已有 {most} 个对端连接（max_peers={most}）")
            }
            (Trouble::Refused { from, most, total, .. }, Lang::En) => {
                format!("refused {from}: {most} peers are known (max_peers={most}); {total} datagrams refused so far")
            }
            (Trouble::Refused { from, most, total, .. }, Lang::Zh) => {
                format!("拒绝 {from}：已有 {most} 个对端（max_peers={most}）；累计拒绝 {total} 个数据报")
            }
            (Trouble::Dropped { more, total }, Lang::En) => {
                format!("the system dropped {more} datagrams that came faster than they were read ({total} so far)")
            }
            (Trouble::Dropped { more, total }, Lang::Zh) => {
                format!("来不及读取，系统丢弃了 {more} 个数据报（累计 {total} 个）")
            }
            (Trouble::Unreachable { folder, error }, Lang::En) => {
                let (folder, cause) = (folder.display(), cause(error, lang));
                format!("`socklab lan` cannot reach this network: no socket in {folder}: {cause}")
            }
            (Trouble::Unreachable { folder, error }, Lang::Zh) => {
                let (folder, cause) = (folder.display(), cause(error, lang));
                format!("`socklab lan` 无法访问此网络：无法在 {folder} 中建立套接字：{cause}")
            }
            (Trouble::Lost { bytes }, Lang::En) => format!("{bytes} bytes of the capture could not be written"),
            (Trouble::Lost { bytes }, Lang::Zh) => format!("有 {bytes} 字节的抓取数据无法写入"),
            (Trouble::Removed { segments, bytes }, Lang::En) => {
                format!(
                    "removed the {} oldest segments of the captures ({bytes} bytes) to stay within --keep",
                    segments.len()
                )
            }
            (Trouble::Removed { segments, bytes }, Lang::Zh) => {
                format!("为不超过 --keep，已删除最旧的 {} 个抓取分段（{bytes} 字节）", segments.len())
            }
        }
    }
}
