//! `socklab addr`: what a device can dial to reach this machine, and what would stop it.

use std::fmt::Write as _;
use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

use socklab_engine::reach::Interface;
use socklab_engine::{Failure, Lang, Reach, failure::Operation};

use crate::cli::AddrArgs;
use crate::say::{self, Fail};

pub(crate) fn run(args: &AddrArgs, lang: Lang) -> Result<ExitCode, Fail> {
    let addresses = socklab_engine::addresses();
    let addresses = addresses.map_err(|error| Failure::new(Operation::ListInterfaces, "the addresses", error))?;
    let mut text = String::new();
    for (interface, reach) in &addresses {
        let _ = writeln!(text, "{:<40} {:<12} {}", dialled(interface, args.port), interface.name, reach.text(lang));
    }
    if !addresses.iter().any(|(_, reach)| *reach == Reach::Network) {
        text += lang.pick(
            "! this machine is in no network: join the device's Wi-Fi, or plug in a cable\n",
            "! 本机没有连接任何网络：请加入设备所在的 Wi-Fi 或插上网线\n",
        );
    }
    obstacles(args.port, lang).iter().for_each(|obstacle| {
        let _ = writeln!(text, "! {obstacle}");
    });
    say::print(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// As it is typed into a device's program.
fn dialled(interface: &Interface, port: u16) -> String {
    match interface.ip() {
        IpAddr::V4(ip) => format!("{ip}:{port}"),
        IpAddr::V6(ip) if ip.is_unicast_link_local() => format!("[{ip}%{}]:{port}", interface.name),
        IpAddr::V6(ip) => format!("[{ip}]:{port}"),
    }
}

fn obstacles(port: u16, lang: Lang) -> Vec<String> {
    let taken = socklab_engine::holder_of(port).map(|holder| match lang {
        Lang::En => format!("port {port} is held by process {} ({})", holder.process, holder.name),
        Lang::Zh => format!("端口 {port} 被进程 {}（{}）占用", holder.process, holder.name),
    });
    let forbidden = || match TcpListener::bind(("127.0.0.1", port)) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Some(Failure::new(Operation::Listen, port, error).text(lang))
        }
        _ => None,
    };
    taken.or_else(forbidden).into_iter().chain(firewall(port, lang)).collect()
}

/// Firewalls that say where they are. Their rules can only be read with privileges, so this is a hint.
fn firewall(port: u16, lang: Lang) -> Option<String> {
    let ufw = || {
        std::fs::read_to_string("/etc/ufw/ufw.conf")
            .is_ok_and(|conf| conf.lines().any(|line| line.trim() == "ENABLED=yes"))
    };
    let (name, command) = if cfg!(windows) {
        (
            "Windows Defender",
            format!(
                "netsh advfirewall firewall add rule name=socklab dir=in action=allow protocol=TCP localport={port}"
            ),
        )
    } else if ufw() {
        ("ufw", format!("sudo ufw allow {port}"))
    } else if Path::new("/run/firewalld").exists() {
        ("firewalld", format!("sudo firewall-cmd --add-port={port}/tcp --add-port={port}/udp"))
    } else {
        return None;
    };
    Some(match lang {
        Lang::En => format!("a firewall ({name}) is on; if the device gets no answer: {command}"),
        Lang::Zh => format!("防火墙（{name}）已开启；若设备连不上，请运行：{command}"),
    })
}
