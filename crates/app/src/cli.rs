//! The command line: what can be typed, and nothing of what it does.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use socklab_capture::PeerId;
use socklab_capture::export::Format;
use socklab_capture::run::Retention;
use socklab_capture::text::Encoding;
use socklab_engine::board::Given;
use socklab_engine::lan::{AirFaults, FaultSpec, KnownName};
use socklab_engine::quantity::{parse_duration, parse_size};
use socklab_engine::{Forward, Lang};

/// Socket workbench for people who build and teach connected devices.
#[derive(Debug, Parser)]
#[command(name = "socklab", version, about, max_term_width = 100, subcommand_help_heading = "Commands")]
#[command(after_help = "Without a command: the workbench in your browser, as `socklab serve`.\n\
    Example: socklab listen 10000        then dial this machine from the device\n\
    The language is the system's; LC_ALL=zh_CN.UTF-8 in the environment makes it Chinese.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Where captures, history and settings are kept [default: $SOCKLAB_DATA, else the platform's data folder]
    #[arg(long, global = true, value_name = "DIR")] // clap would show what the environment gives as required
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Be the server: accept connections or datagrams, show and keep every byte
    Listen(ListenArgs),
    /// Be the client: connect, or send datagrams to a peer
    Connect(ConnectArgs),
    /// Send once, print what comes back, exit
    Send(SendArgs),
    /// The flags people know from nc and ncat
    Nc(NcArgs),
    /// Run a MicroPython program as on a board
    Run(RunArgs),
    /// A board's prompt, here or for mpremote and Thonny
    Repl(ReplArgs),
    /// Look at the network of boards that run, and change it
    Lan(LanArgs),
    /// Look at what was captured
    Capture(CaptureArgs),
    /// The addresses of this machine that a device can dial, and what would stop it
    Addr(AddrArgs),
    /// The workbench in a browser
    Serve(ServeArgs),
    /// A completion script for your shell
    #[command(after_help = "Example: socklab completions bash")]
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    socklab listen 10000                          TCP on port 10000, IPv4 and IPv6\n  \
    socklab listen 10000 udp://0.0.0.0:5000       and UDP on port 5000\n  \
    socklab listen udp://239.1.2.3:5000           a multicast group\n  \
    socklab listen 10000 --echo --show hex        send everything back\n\n\
    URLs: tcp-listen://HOST:PORT udp://HOST:PORT unix-listen:///PATH\n\
    unix-dgram:///PATH, with options behind: ?keepalive=30s&max_peers=50\n\n\
    Options of all:\n  \
    echo=1                 send back what comes\n  \
    rcvbuf=1m sndbuf=1m    the system's buffers\n\
    Of tcp, tcp-listen, unix, unix-listen:\n  \
    halfopen=1             keep sending to a peer that has finished\n  \
    nodelay=0 keepalive=30s ttl=4 interface=eth0    (tcp)\n\
    Of servers:\n  \
    max_peers=1000         how many at a time; udp too\n  \
    backlog=128 reuse=0    of the listening socket\n  \
    once=1                 take one connection, and end with it\n\
    Of clients:\n  \
    retry=1 timeout=3s     connect again; how long one attempt may take\n  \
    bind=127.0.0.1:5000    the own address (tcp)\n\
    Of udp:\n  \
    peer=HOST:PORT         somebody to send to; may be repeated\n  \
    age=10m                forget a peer that is silent for so long\n  \
    join=eth0 ttl=4 loop=0  where to join the group, how far, whether heard here\n  \
    interface=eth0 broadcast=0 reuse=0")]
pub(crate) struct ListenArgs {
    /// Ports or endpoint URLs
    #[arg(value_name = "URL|PORT", required = true)]
    pub(crate) places: Vec<String>,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    socklab connect 192.168.1.50 10000\n  \
    socklab connect udp://192.168.1.50:5000\n  \
    printf 'AT\\r\\n' | socklab connect 192.168.1.50:10000\n\n\
    At the end of its input a client says so to the peer (half-close), prints\n\
    what still comes, and ends when the peer has closed, or after -w.")]
pub(crate) struct ConnectArgs {
    /// A URL, HOST:PORT, or HOST PORT
    #[arg(value_name = "URL|HOST", required = true, num_args = 1..=2)]
    pub(crate) place: Vec<String>,
    /// Connect again when the connection fails or ends
    #[arg(long)]
    pub(crate) retry: bool,
    /// After the end of the input, wait so long for the peer to close [default: for ever]
    #[arg(short = 'w', long = "wait", value_name = "DURATION", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

/// How to show and to keep what happens.
#[derive(Clone, Debug, Args)]
pub(crate) struct SessionArgs {
    /// Send back to each peer what it sends
    #[arg(long)]
    pub(crate) echo: bool,
    /// Keep runs under DIR, or nowhere [default: captures in the data folder]
    #[arg(long, value_name = "DIR|none")]
    pub(crate) capture: Option<PathBuf>,
    /// How to show records [default: text in a terminal, raw in a pipe]
    #[arg(long, value_name = "FORM")]
    pub(crate) show: Option<Show>,
    /// The encoding of text: utf-8, gbk, gb18030, shift_jis, utf-16le ...
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) encoding: Encoding,
    /// What ends a line that you type
    #[arg(long, value_enum, value_name = "END", default_value_t)]
    pub(crate) eol: Eol,
    #[command(flatten)]
    pub(crate) keeping: KeepArgs,
}

/// How captures are kept, and for how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct KeepArgs {
    /// When captured bytes are safe from a power cut (from a crash of this program they are at once)
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub(crate) sync: SyncWhen,
    /// Remove the oldest captures beyond so many bytes in all
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "4g")]
    pub(crate) keep: u64,
    /// Remove captures older than this [default: never]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) keep_for: Option<Duration>,
}

impl KeepArgs {
    pub(crate) fn retention(&self) -> Retention {
        Retention { bytes: self.keep, age: self.keep_for }
    }
}

/// How records are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Show {
    /// A line a record, as text
    Text,
    /// A line a record, in hex
    Hex,
    /// A hex dump with text beside it
    Both,
    /// The received bytes and nothing else
    Raw,
    /// A JSON object a record
    Json,
    /// Nothing
    None,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Eol {
    /// Line feed
    #[default]
    Lf,
    /// Carriage return and line feed
    Crlf,
    /// Nothing
    None,
}

impl Eol {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Eol::Lf => "\n",
            Eol::Crlf => "\r\n",
            Eol::None => "",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SyncWhen {
    /// When the system likes
    None,
    /// 25 ms later at most
    #[default]
    Interval,
    /// Before they are shown
    Always,
}

impl From<SyncWhen> for socklab_engine::Sync {
    fn from(when: SyncWhen) -> Self {
        match when {
            SyncWhen::None => socklab_engine::Sync::None,
            SyncWhen::Interval => socklab_engine::Sync::Interval,
            SyncWhen::Always => socklab_engine::Sync::Always,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    socklab send tcp://192.168.1.50:10000 'AT\\r\\n' -w 1s\n  \
    socklab send udp://192.168.1.50:5000 --hex 01 03 ff -w 500ms --show hex\n  \
    socklab send udp://255.255.255.255:5000 hello     broadcast on every network\n  \
    socklab send tcp://192.168.1.50:10000 ping --repeat 10 --every 1s\n\n\
    Nothing of this is captured.")]
pub(crate) struct SendArgs {
    /// Where to: a URL or HOST:PORT
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Text with escapes (\n \r \t \0 \xNN \\); several are joined by spaces
    #[arg(value_name = "DATA", required_unless_present = "file", allow_negative_numbers = true)]
    pub(crate) payload: Vec<String>,
    /// DATA is hex: 01 02 ff, 0x01,0x02, 0102ff
    #[arg(long)]
    pub(crate) hex: bool,
    /// Send the bytes of a file, as they are; over UDP in datagrams of 16 KiB
    #[arg(long, value_name = "FILE", conflicts_with_all = ["payload", "hex"])]
    pub(crate) file: Option<PathBuf>,
    /// Send so many times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) repeat: u64,
    /// The pause between two sends
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1s")]
    pub(crate) every: Duration,
    /// Print what comes back until it is silent for so long [default: do not wait]
    #[arg(short = 'w', long = "wait", value_name = "DURATION", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
    /// How to show what comes back
    #[arg(long, value_name = "FORM", default_value = "raw")]
    pub(crate) show: Show,
    /// The encoding of text
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) encoding: Encoding,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    socklab run main.py\n  \
    socklab run main.py --board k230 --open 10000   and what it sends to port 10000 of the computer\n  \
    socklab run a.py b.py --board esp32,rp2          two boards on one network\n  \
    socklab run web.py --forward 8080:80             its page is http://127.0.0.1:8080\n  \
    socklab run mqtt.py --name broker.example.com --open 1883   its broker is here\n  \
    socklab run main.py --fault 'up:loss=5% delay=20ms'\n  \
    socklab run main.py --frames                     then: socklab capture export --as pcapng -o run.pcapng\n  \
    socklab run blink.py --set 4=1 --events json\n  \
    socklab run climate.py --set temp4=21.5 --set humidity4=60\n\n\
    --set takes:\n  \
    4=1           a level at pin 4\n  \
    adc34=1.5     volts at pin 34, for its ADC\n  \
    temp4=21.5    degrees Celsius at the DHT or DS18B20 of pin 4; humidity4=60, percent\n  \
    pulse5=1160   microseconds that time_pulse_us finds at pin 5\n  \
    touch27=100   the count of the touch pad at pin 27\n  \
    accx=0.2      acceleration in g; accy, accz\n\n\
    --fault takes words like these, or perfect, home, busy-classroom, edge-of-range,\n\
    4g, satellite:\n  \
    loss=5%       frames are lost; also gilbert:2%,20%,40%,98%, every:10, list:1,5\n  \
    delay=20ms    and jitter=5ms, correlation=25%, distribution=normal, keep-order\n  \
    rate=2mbit    and burst=3000, queue=100, queue-bytes=30000, drop=head\n  \
    duplicate=1%  corrupt=1%, fix-checksum, reorder=5%, gap=5, mtu=576, radio=4x2ms\n  \
    down          nothing passes; flap=5s/2s: up for 5 s, down for 2 s\n  \
    filter=syn,port:80,nth:2   picks frames to drop; also tcp, udp, arp, icmp, dhcp, dns\n\n\
    Ctrl-C is the board's Ctrl-C; a second one ends it whatever it does.")]
pub(crate) struct RunArgs {
    /// The program; the modules beside it can be imported. Several run at once, each on a board of its own
    #[arg(value_name = "FILE", required = true)]
    pub(crate) scripts: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) board: BoardArgs,
    /// End the board after so long
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    socklab repl                       a prompt in this terminal; Ctrl-] leaves\n  \
    socklab repl --pty                 then: mpremote connect /dev/pts/N\n  \
    socklab repl --tcp 2323            then: mpremote connect socket://localhost:2323\n  \
    socklab repl --board esp32,rp2 --pty   two boards on one network, a serial port each\n\n\
    The board keeps its files between two starts: see --flash.")]
pub(crate) struct ReplArgs {
    #[command(flatten)]
    pub(crate) board: BoardArgs,
    /// Be a serial port, under a name of the system's or this one; of several boards each is one, with commas
    #[arg(long, value_name = "LINK", num_args = 0..=1, value_delimiter = ',')]
    pub(crate) pty: Option<Vec<PathBuf>>,
    /// Serve the console on a TCP port of this machine (0: any)
    #[arg(long, value_name = "PORT")]
    pub(crate) tcp: Option<u16>,
    /// Serve the console and the files as WebREPL does, on a TCP port of this machine (0: any)
    #[arg(long, value_name = "PORT")]
    pub(crate) webrepl: Option<u16>,
    /// The password that WebREPL asks for, 9 characters at most
    #[arg(long, value_name = "WORD", default_value = "socklab", requires = "webrepl", value_parser = webrepl_password)]
    pub(crate) password: String,
}

/// Which board, and what is around it.
#[derive(Debug, Args)]
pub(crate) struct BoardArgs {
    /// Which board: esp32, k230, waffle, mpython, rp2, linux; for several programs, one for each, with commas
    #[arg(long, value_name = "NAME", default_value = "esp32", value_delimiter = ',')]
    pub(crate) board: Vec<String>,
    /// The folder that is the board's file system [default: flash/NAME in the data folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) flash: Option<PathBuf>,
    /// The network that the board is on
    #[arg(long, value_enum, value_name = "NET", default_value_t)]
    pub(crate) net: Net,
    /// Open an endpoint beside the board, and show its traffic on stderr: a port or a URL, as for `listen`
    #[arg(long, value_name = "URL")]
    pub(crate) open: Vec<String>,
    /// Lead a port of this machine (of 127.0.0.1, unless ADDRESS says otherwise) to a board's, such as 8080:esp32:80;
    /// one board alone needs no name (may be repeated)
    #[arg(long, value_name = "[ADDRESS:]PORT:[BOARD:]PORT")]
    pub(crate) forward: Vec<Forward>,
    /// What is wrong with the boards' links, such as 'loss=5% delay=20ms'; BOARD: in front for one board, up: or down:
    /// for one direction (may be repeated). `run --help` has the words
    #[arg(long, value_name = "[BOARD:][up:|down:]SPEC")]
    pub(crate) fault: Vec<FaultSpec>,
    /// What is wrong with the Wi-Fi, such as 'dhcp=off' or 'wrong-password'. `lan air --help` has the words
    #[arg(long, value_name = "SPEC")]
    pub(crate) air: Option<AirFaults>,
    /// What every chance on the network is drawn from: with the same number it loses the same frames
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Have a name such as api.example.com lead to this computer, or to ADDRESS on the boards' network (may be repeated)
    #[arg(long, value_name = "NAME[=ADDRESS]")]
    pub(crate) name: Vec<KnownName>,
    /// Keep every frame of the boards' network in the capture, for Wireshark and `capture stat`
    #[arg(long)]
    pub(crate) frames: bool,
    /// Let the board dial every port of this machine's loopback, not only those that `socklab listen` has open
    #[arg(long)]
    pub(crate) host_loopback: bool,
    /// Let the board dial any address
    #[arg(long)]
    pub(crate) internet: bool,
    /// The one Wi-Fi there is [default: any that a program asks for, with any password of 8 characters or more]
    #[arg(long, value_name = "SSID:PASSWORD", value_parser = network)]
    pub(crate) wifi: Option<(String, String)>,
    /// How long joining a Wi-Fi takes
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1s")]
    pub(crate) join_time: Duration,
    /// Refuse what the real board lacks
    #[arg(long)]
    pub(crate) strict: bool,
    /// Allow what the real board lacks, and say so once (the default)
    #[arg(long, conflicts_with = "strict")]
    pub(crate) lenient: bool,
    /// What the outside gives to a pin or a sensor, such as 4=1 or adc34=1.5; `run --help` has them all
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<Given>,
    /// How pin changes are told on stderr
    #[arg(long, value_enum, value_name = "FORM", default_value_t)]
    pub(crate) events: Events,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Net {
    /// The virtual one, 192.168.1.0/24: whatever address of it no board has is this computer
    #[default]
    Lan,
    /// This machine's own
    Host,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Events {
    /// A line each
    #[default]
    Text,
    /// A JSON object each
    Json,
    /// Not at all
    None,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    socklab lan status\n  \
    socklab lan fault esp32 loss=5%\n  \
    socklab lan air Socklab gone\n  \
    socklab lan capture | wireshark -k -i -")]
pub(crate) struct LanArgs {
    #[command(subcommand)]
    pub(crate) command: LanCommand,
    /// The process that runs the boards, where there are several
    #[arg(long, global = true, value_name = "PID")]
    pub(crate) pid: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LanCommand {
    /// Print boards, links and what they have lost, addresses, leases, connections
    #[command(after_help = "Example: socklab lan status")]
    Status,
    /// Print connections, with what was sent again, and each board's sockets and neighbours
    #[command(after_help = "Example: socklab lan netstat")]
    Netstat,
    /// Change what is wrong with a board's link, from now on
    #[command(after_help = "Examples:\n  \
        socklab lan fault esp32 loss=5% delay=20ms\n  \
        socklab lan fault esp32 up:down               what the board sends is lost\n  \
        socklab lan fault all perfect                 nothing is wrong any more\n\n\
        The words are those of `socklab run --fault`: see `socklab run --help`.\n\
        What is not said is as it should be.")]
    Fault {
        /// The board, or all
        board: String,
        /// What is to be wrong; up: or down: in front for one direction
        #[arg(value_name = "SPEC", required = true)]
        spec: Vec<String>,
    },
    /// Follow the frames live as pcapng, which Wireshark reads, until Ctrl-C; the network waits for nobody who follows
    #[command(after_help = "Examples:\n  \
        socklab lan capture | wireshark -k -i -\n  \
        socklab lan capture -o run.pcapng\n\n\
        `socklab run --frames` keeps all of them from the start.")]
    Capture {
        /// Where to; - is stdout [default: stdout]
        #[arg(short = 'o', long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Change what is wrong with an access point, from now on
    #[command(after_help = "Examples:\n  \
        socklab lan air Socklab gone                  it is switched off\n  \
        socklab lan air Socklab isolated dhcp=slow:3s\n  \
        socklab lan air Socklab back                  nothing is wrong any more\n\n\
        What is not said is as it should be:\n  \
        gone             boards lose it, and do not find it\n  \
        deauth           sends its boards away, once; they may join again\n  \
        wrong-password   says so of every password\n  \
        isolated         its boards do not hear each other\n  \
        dhcp=FAULT       off, slow:3s, nak, exhausted\n  \
        dns=FAULT        off, slow:3s, nxdomain, wrong:10.0.0.1")]
    Air {
        /// Its name, as boards join it
        name: String,
        /// What is to be wrong
        #[arg(value_name = "SPEC", required = true)]
        spec: Vec<String>,
    },
}

#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
#[command(after_help = "Examples:\n  \
    socklab nc -l 3333\n  \
    socklab nc -lN 3333 < file                   a client gets the file and its end\n  \
    socklab nc -u 192.168.1.50 3333\n  \
    echo hello | socklab nc -w 3 192.168.1.50 10000\n\n\
    Durations take ms, s, m, h; a bare number is seconds. Nothing is captured.\n\
    There is no -e: no option of this program starts another.")]
pub(crate) struct NcArgs {
    /// HOST and PORT (with -l, PORT alone will do), or a path with -U
    #[arg(value_name = "HOST|PORT|PATH", num_args = 0..=2)]
    pub(crate) place: Vec<String>,
    /// Listen
    #[arg(short = 'l', long)]
    pub(crate) listen: bool,
    /// With -l: go on after the first connection
    #[arg(short = 'k', long)]
    pub(crate) keep_open: bool,
    /// UDP
    #[arg(short = 'u', long)]
    pub(crate) udp: bool,
    /// A Unix socket; with -u, a datagram one
    #[arg(short = 'U', long)]
    pub(crate) unixsock: bool,
    /// The local port
    #[arg(short = 'p', long, value_name = "PORT")]
    pub(crate) source_port: Option<u16>,
    /// The local address
    #[arg(short = 's', long, value_name = "ADDRESS")]
    pub(crate) source: Option<String>,
    /// Give up when connecting takes, or the connection is silent for, so long
    #[arg(short = 'w', long, value_name = "DURATION", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
    /// The pause between two lines sent, as in OpenBSD's nc
    #[arg(short = 'i', long, value_name = "DURATION", value_parser = duration)]
    pub(crate) interval: Option<Duration>,
    /// Quit so long after the end of the input
    #[arg(short = 'q', long, value_name = "DURATION", value_parser = duration)]
    pub(crate) quit_after: Option<Duration>,
    /// With -l: finish sending at the end of the input, as clients do in any case
    #[arg(short = 'N')]
    pub(crate) finish: bool,
    /// IPv4 only
    #[arg(short = '4', conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// IPv6 only
    #[arg(short = '6')]
    pub(crate) ipv6: bool,
    /// Say what happens on stderr
    #[arg(short = 'v', long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Only try to connect, over TCP; PORT may be a range like 8000-8010
    #[arg(short = 'z', conflicts_with_all = ["udp", "listen", "unixsock"])]
    pub(crate) zero: bool,
    /// No name look-ups
    #[arg(short = 'n', long)]
    pub(crate) nodns: bool,
    /// Send CR LF for each LF of the input
    #[arg(short = 'C', long)]
    pub(crate) crlf: bool,
    /// Write what is received and sent to a file
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The same as a hex dump
    #[arg(short = 'x', long, value_name = "FILE")]
    pub(crate) hex_dump: Option<PathBuf>,
    /// With -k: at most so many connections at a time
    #[arg(short = 'm', long, value_name = "N")]
    pub(crate) max_conns: Option<NonZeroUsize>,
    /// Print help
    #[arg(short = 'h', long, action = clap::ArgAction::Help)]
    pub(crate) help: Option<bool>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: socklab capture show --peer e1.3")]
pub(crate) struct CaptureArgs {
    #[command(subcommand)]
    pub(crate) command: CaptureCommand,
    /// The folder of runs [default: captures in the data folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) capture: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CaptureCommand {
    /// List the runs, the newest last
    #[command(after_help = "Example: socklab capture ls --json")]
    Ls {
        /// As JSON, one object a run
        #[arg(long)]
        json: bool,
    },
    /// Print the records of a run
    #[command(after_help = "Example: socklab capture show --from 100 --show both")]
    Show(ShowArgs),
    /// Print records as they come, also of a run that another Socklab is writing
    #[command(after_help = "Example: socklab capture follow --peer e1.3")]
    Follow(ShowArgs),
    /// Find text, bytes or a regular expression in what travelled, also across reads
    Search(SearchArgs),
    /// Write a run in another form
    Export(ExportArgs),
    /// Totals of a run and its peers
    #[command(after_help = "Example: socklab capture stat --json")]
    Stat {
        /// The run's name, its folder, or an exported pcapng file [default: the newest]
        run: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The run's name, its folder, or an exported pcapng file [default: the newest]
    pub(crate) run: Option<String>,
    /// Begin with this record
    #[arg(long, value_name = "SEQ", default_value_t = 1)]
    pub(crate) from: u64,
    /// Only this peer (may be repeated)
    #[arg(long, value_name = "PEER")]
    pub(crate) peer: Vec<PeerId>,
    /// How to show records
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(crate) show: Show,
    /// The encoding of text
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) encoding: Encoding,
    /// Show the frames of boards' networks too, in their places among the records
    #[arg(long, conflicts_with = "peer")]
    pub(crate) frames: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    socklab capture search temperature\n  \
    socklab capture search --hex 01 03\n  \
    socklab capture search --regex 'T=[0-9]+' --peer e1.3\n\n\
    Exit code 1 when nothing is found.")]
pub(crate) struct SearchArgs {
    /// Text with escapes, or as the options say
    #[arg(value_name = "WHAT", required = true)]
    pub(crate) what: Vec<String>,
    /// The run's name, its folder, or an exported pcapng file [default: the newest]
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// WHAT is hex
    #[arg(long)]
    pub(crate) hex: bool,
    /// WHAT is a regular expression over bytes; its $ is the end of any read
    #[arg(long, conflicts_with = "hex")]
    pub(crate) regex: bool,
    /// Only this peer (may be repeated)
    #[arg(long, value_name = "PEER")]
    pub(crate) peer: Vec<PeerId>,
    /// Print the number of matches only
    #[arg(long)]
    pub(crate) count: bool,
    /// The encoding of text
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) encoding: Encoding,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    socklab capture export --as pcapng -o run.pcapng       for Wireshark\n  \
    socklab capture export --peer e1.3 --as raw -o e1.3.bin  the bytes it sent, exactly\n  \
    socklab capture export --as csv | head")]
pub(crate) struct ExportArgs {
    /// The run's name, its folder, or an exported pcapng file [default: the newest]
    pub(crate) run: Option<String>,
    /// The form: raw, pcapng, jsonl, csv, txt or netassist
    #[arg(long = "as", value_name = "FORM")]
    pub(crate) format: Format,
    /// Only this peer (may be repeated)
    #[arg(long, value_name = "PEER")]
    pub(crate) peer: Vec<PeerId>,
    /// The encoding of text
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) encoding: Encoding,
    /// Where to [default: stdout]
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    socklab serve\n  \
    socklab serve --open 10000 --open udp://0.0.0.0:5000\n  \
    socklab serve --listen 0.0.0.0:7625 --token WORD   from other machines too\n\n\
    Programs ask the same API: its document is /api/openapi.json, and they say\n\
    'Authorization: Bearer TOKEN'.")]
pub(crate) struct ServeArgs {
    /// Where the workbench listens [default: 127.0.0.1:7625, or the next port that is free]
    #[arg(long, value_name = "[ADDRESS:]PORT")]
    pub(crate) listen: Option<String>,
    /// Do not open a browser
    #[arg(long)]
    pub(crate) no_open: bool,
    /// Open an endpoint at the start: a port or a URL, as for `listen` (may be repeated)
    #[arg(long, value_name = "URL")]
    pub(crate) open: Vec<String>,
    /// What the browser and programs have to know [default: a new one at each start]
    #[arg(long, value_name = "WORD")]
    pub(crate) token: Option<String>,
    #[command(flatten)]
    pub(crate) keeping: KeepArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: socklab addr 8080")]
pub(crate) struct AddrArgs {
    /// The port that the device is to dial
    #[arg(default_value_t = 10000)]
    pub(crate) port: u16,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

fn size(text: &str) -> Result<u64, String> {
    parse_size(text).map_err(|error| error.to_string())
}

/// Why an argument cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    Network,
    NetworkWithoutName,
    NetworkNameLong,
    NetworkPasswordShort,
    WebReplPassword,
}

impl NotTaken {
    pub(crate) fn text(self, lang: Lang) -> &'static str {
        match self {
            NotTaken::Network => lang.pick("SSID:PASSWORD is wanted", "应写成 SSID:PASSWORD（名称:密码）"),
            NotTaken::NetworkWithoutName => lang.pick("the name is empty", "网络名称为空"),
            NotTaken::NetworkNameLong => lang.pick("the name is longer than 32 bytes", "网络名称超过 32 字节"),
            NotTaken::NetworkPasswordShort => lang.pick(
                "a password has at least 8 characters; without one the network is open",
                "密码至少 8 个字符；不写密码则为开放网络",
            ),
            NotTaken::WebReplPassword => lang.pick("it has 4 to 9 characters", "密码应为 4 到 9 个字符"),
        }
    }
}

impl std::fmt::Display for NotTaken {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(self.text(Lang::En))
    }
}

impl std::error::Error for NotTaken {}

/// `SSID:PASSWORD`; the name ends at the first colon.
fn network(text: &str) -> Result<(String, String), NotTaken> {
    let (ssid, password) = text.split_once(':').ok_or(NotTaken::Network)?;
    match (ssid.len(), password.chars().count()) {
        (0, _) => Err(NotTaken::NetworkWithoutName),
        (33.., _) => Err(NotTaken::NetworkNameLong),
        (_, 1..=7) => Err(NotTaken::NetworkPasswordShort),
        _ => Ok((ssid.to_owned(), password.to_owned())),
    }
}

/// What WebREPL's set-up takes on a board.
fn webrepl_password(text: &str) -> Result<String, NotTaken> {
    if (4..=9).contains(&text.chars().count()) { Ok(text.to_owned()) } else { Err(NotTaken::WebReplPassword) }
}
