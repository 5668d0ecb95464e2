//! `socklab addr`: what a device can dial to reach this machine, and what would stop it.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::process::ExitCode;

use socklab_engine::reach::{Interface, written};
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
    socklab_engine::obstacles(args.port, lang).iter().for_each(|obstacle| {
        let _ = writeln!(text, "! {obstacle}");
    });
    say::print(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// As it is typed into a device's program.
fn dialled(interface: &Interface, port: u16) -> String {
    let address = written(interface);
    match interface.ip() {
        IpAddr::V4(_) => format!("{address}:{port}"),
        IpAddr::V6(_) => format!("[{address}]:{port}"),
    }
}
