//! The command line in Chinese: help as tables, and the parser's errors. What can be typed is in `cli`; a test
//! below holds the tables against it.

use std::error::Error as _;
use std::num::{IntErrorKind, ParseIntError};

use clap::builder::{StyledStr, Styles};
use clap::error::{ContextKind, ContextValue, ErrorFormatter, ErrorKind};
use clap::{Arg, Command, CommandFactory, FromArgMatches, Parser};
use socklab_capture::export::{Format, UnknownFormat};
use socklab_capture::text::UnknownEncoding;
use socklab_engine::Lang;
use socklab_engine::board::NotGiven;
use socklab_engine::lan::{FaultError, NoForward, NoName};
use socklab_engine::quantity::{parse_duration, parse_size};

use crate::cli::{Cli, NotTaken};

/// What a command is called by, and its Chinese: of its line in the list, of what follows its options, of these.
struct Text {
    /// Without the program's name: `capture show`.
    path: &'static str,
    about: &'static str,
    after: &'static str,
    /// By id. An argument is also looked for at the commands above.
    args: &'static [&'static [(&'static str, &'static str)]],
}

const COMMANDS: [Text; 24] = [
    Text {
        path: "",
        about: "Socklab，面向联网设备的开发者和教师的套接字工作台。",
        after: "不带命令时：在浏览器中打开工作台，等同于 `socklab serve`。\n\
            示例：socklab listen 10000        然后让设备连接本机\n\
            语言随系统；设置环境变量 LC_ALL=en_US.UTF-8 即为英文。",
        args: &[&[
            ("data", "抓取、历史和设置的存放位置 [默认：$SOCKLAB_DATA，未设置则为系统的数据文件夹]"),
            ("help", "显示帮助"),
            ("version", "显示版本"),
        ]],
    },
    Text {
        path: "listen",
        about: "作为服务器：接受连接或数据报，显示并保存每个字节",
        after: "示例：\n  \
            socklab listen 10000                          TCP 端口 10000，IPv4 和 IPv6\n  \
            socklab listen 10000 udp://0.0.0.0:5000       同时监听 UDP 端口 5000\n  \
            socklab listen udp://239.1.2.3:5000           组播组\n  \
            socklab listen 10000 --echo --show hex        原样回发，按十六进制显示\n\n\
            URL：tcp-listen://HOST:PORT udp://HOST:PORT unix-listen:///PATH\n\
            或 unix-dgram:///PATH；选项写在后面：?keepalive=30s&max_peers=50\n\n\
            通用选项：\n  \
            echo=1                 原样回发\n  \
            rcvbuf=1m sndbuf=1m    系统缓冲区大小\n\
            用于 tcp、tcp-listen、unix、unix-listen：\n  \
            halfopen=1             对方结束发送后仍继续向它发送\n  \
            nodelay=0 keepalive=30s ttl=4 interface=eth0   （tcp）\n\
            用于服务器：\n  \
            max_peers=1000         同时最多多少个对端；也用于 udp\n  \
            backlog=128 reuse=0    监听套接字的选项\n  \
            once=1                 只接受一个连接，随它结束\n\
            用于客户端：\n  \
            retry=1 timeout=3s     断开后重连；每次尝试的时限\n  \
            bind=127.0.0.1:5000    本地地址（tcp）\n\
            用于 udp：\n  \
            peer=HOST:PORT         发送对象；可重复\n  \
            age=10m                对端静默这么久后被移除\n  \
            join=eth0 ttl=4 loop=0  在哪里加入组播组、能传多远、本机是否收到\n  \
            interface=eth0 broadcast=0 reuse=0",
        args: &[&[("places", "端口或端点 URL")], &SESSION, &KEEP],
    },
    Text {
        path: "connect",
        about: "作为客户端：连接对端，或向它发送数据报",
        after: "示例：\n  \
            socklab connect 192.168.1.50 10000\n  \
            socklab connect udp://192.168.1.50:5000\n  \
            printf 'AT\\r\\n' | socklab connect 192.168.1.50:10000\n\n\
            输入结束时，客户端告知对端（半关闭），继续显示收到的数据，直到对端关闭，\n\
            或等待时间超过 -w。",
        args: &[
            &[
                ("place", "URL、HOST:PORT 或 HOST PORT"),
                ("retry", "连接失败或结束后重新连接"),
                ("wait", "输入结束后，等待对端关闭的最长时间 [默认：一直等待]"),
            ],
            &SESSION,
            &KEEP,
        ],
    },
    Text {
        path: "send",
        about: "发送一次，显示回应，然后退出",
        after: "示例：\n  \
            socklab send tcp://192.168.1.50:10000 'AT\\r\\n' -w 1s\n  \
            socklab send udp://192.168.1.50:5000 --hex 01 03 ff -w 500ms --show hex\n  \
            socklab send udp://255.255.255.255:5000 hello     发到本机所在每个网络的广播地址\n  \
            socklab send tcp://192.168.1.50:10000 ping --repeat 10 --every 1s\n\n\
            这些数据不会被抓取。",
        args: &[&[
            ("url", "发送到哪里：URL 或 HOST:PORT"),
            ("payload", r"带转义（\n \r \t \0 \xNN \\）的文本；多个之间以空格连接"),
            ("hex", "DATA 是十六进制：01 02 ff、0x01,0x02、0102ff"),
            ("file", "发送文件的内容，不作改动；UDP 时每个数据报 16 KiB"),
            ("repeat", "发送次数"),
            ("every", "两次发送的间隔"),
            ("wait", "显示回应，直到静默达到此时长 [默认：不等待]"),
            ("show", "回应的显示方式"),
            ("encoding", "文本的编码"),
        ]],
    },
    Text {
        path: "nc",
        about: "使用 nc 和 ncat 的选项",
        after: "示例：\n  \
            socklab nc -l 3333\n  \
            socklab nc -lN 3333 < file                   客户端收到整个文件和结束标志\n  \
            socklab nc -u 192.168.1.50 3333\n  \
            echo hello | socklab nc -w 3 192.168.1.50 10000\n\n\
            时长可用 ms、s、m、h，不带单位为秒。数据不会被抓取。没有 -e：本程序的任何选项\n\
            都不会启动其他程序。",
        args: &[&[
            ("place", "[HOST] PORT；使用 -U 时为路径"),
            ("listen", "监听"),
            ("keep_open", "与 -l 合用：第一个连接之后继续接受"),
            ("udp", "使用 UDP"),
            ("unixsock", "使用 Unix 套接字；与 -u 合用时为数据报套接字"),
            ("source_port", "本地端口"),
            ("source", "本地地址"),
            ("wait", "连接用时或静默超过此时长即放弃"),
            ("interval", "发送两行之间的间隔，与 OpenBSD 的 nc 相同"),
            ("quit_after", "输入结束后，经过此时长退出"),
            ("ipv4", "仅用 IPv4"),
            ("ipv6", "仅用 IPv6"),
            ("verbose", "在标准错误输出中报告过程"),
            ("finish", "与 -l 合用：输入结束后结束发送（客户端总是如此）"),
            ("zero", "只尝试连接（TCP）；PORT 可以是范围，如 8000-8010"),
            ("nodns", "不解析主机名"),
            ("crlf", "把输入中的 LF 发送为 CR LF"),
            ("output", "把收发的数据写入文件"),
            ("hex_dump", "把收发的数据以十六进制转储写入文件"),
            ("max_conns", "与 -k 合用：同时最多这么多连接"),
        ]],
    },
    Text {
        path: "run",
        about: "像在板子上一样运行 MicroPython 程序",
        after: "示例：\n  \
            socklab run main.py\n  \
            socklab run main.py --board k230 --open 10000   它发到电脑端口 10000 的内容也会显示\n  \
            socklab run a.py b.py --board esp32,rp2          两块板子在同一网络中\n  \
            socklab run web.py --forward 8080:80             网页在 http://127.0.0.1:8080\n  \
            socklab run mqtt.py --name broker.example.com --open 1883   它的代理就在这里\n  \
            socklab run main.py --fault 'up:loss=5% delay=20ms'\n  \
            socklab run main.py --frames                     然后：socklab capture export --as pcapng -o run.pcapng\n  \
            socklab run blink.py --set 4=1 --events json\n  \
            socklab run climate.py --set temp4=21.5 --set humidity4=60\n\n\
            --set 可以给出：\n  \
            4=1           引脚 4 的电平\n  \
            adc34=1.5     引脚 34 的电压（伏），由 ADC 读取\n  \
            temp4=21.5    引脚 4 上 DHT 或 DS18B20 的温度（°C）；humidity4=60 为湿度（%）\n  \
            pulse5=1160   time_pulse_us 在引脚 5 测得的微秒数\n  \
            touch27=100   引脚 27 触摸板的计数\n  \
            accx=0.2      加速度（g）；另有 accy、accz\n\n\
            --fault 可以给出这些词，或 perfect、home、busy-classroom、edge-of-range、4g、satellite：\n  \
            loss=5%       丢帧；也可写 gilbert:2%,20%,40%,98%、every:10、list:1,5\n  \
            delay=20ms    延迟；另有 jitter=5ms、correlation=25%、distribution=normal、keep-order\n  \
            rate=2mbit    速率；另有 burst=3000、queue=100、queue-bytes=30000、drop=head\n  \
            duplicate=1%  重复；另有 corrupt=1%、fix-checksum、reorder=5%、gap=5、mtu=576、radio=4x2ms\n  \
            down          完全不通；flap=5s/2s 为通 5 秒、断 2 秒\n  \
            filter=syn,port:80,nth:2   丢弃选中的帧；另有 tcp、udp、arp、icmp、dhcp、dns\n\n\
            Ctrl-C 即板子的 Ctrl-C；再按一次立即结束。",
        args: &[
            &[
                ("scripts", "程序文件；可以导入同一文件夹中的模块；多个程序各在一块板子上同时运行"),
                ("timeout", "经过此时长后结束板子"),
            ],
            &BOARD,
        ],
    },
    Text {
        path: "repl",
        about: "板子的提示符：在此终端中，或提供给 mpremote 和 Thonny",
        after: "示例：\n  \
            socklab repl                       在此终端中；Ctrl-] 退出\n  \
            socklab repl --pty                 然后：mpremote connect /dev/pts/N\n  \
            socklab repl --tcp 2323            然后：mpremote connect socket://localhost:2323\n  \
            socklab repl --board esp32,rp2 --pty   同一网络上的两块板子，各有一个串口\n\n\
            板子的文件会保留到下次启动：见 --flash。",
        args: &[
            &[
                ("pty", "作为串口，使用系统给出的或指定的名称；多块板子各一个，以逗号分隔"),
                ("tcp", "在本机的 TCP 端口上提供控制台（0 为任意端口）"),
                ("webrepl", "在本机的 TCP 端口上以 WebREPL 方式提供控制台和文件（0 为任意端口）"),
                ("password", "WebREPL 的密码，最多 9 个字符"),
            ],
            &BOARD,
        ],
    },
    Text {
        path: "lan",
        about: "查看并改变正在运行的板子所在的网络",
        after: "示例：\n  \
            socklab lan status\n  \
            socklab lan fault esp32 loss=5%\n  \
            socklab lan air Socklab gone\n  \
            socklab lan capture | wireshark -k -i -",
        args: &[&[("pid", "运行板子的进程；有多个时需要指明")]],
    },
    Text {
        path: "lan status",
        about: "显示板子、链路及其丢失的帧、地址、租约、连接",
        after: "示例：socklab lan status",
        args: &[],
    },
    Text {
        path: "lan netstat",
        about: "显示连接及重传的报文段，以及各板子的套接字和邻居",
        after: "示例：socklab lan netstat",
        args: &[],
    },
    Text {
        path: "lan fault",
        about: "从现在起改变一块板子的链路的故障",
        after: "示例：\n  \
            socklab lan fault esp32 loss=5% delay=20ms\n  \
            socklab lan fault esp32 up:down               板子发出的都丢失\n  \
            socklab lan fault all perfect                 不再有任何故障\n\n\
            可用的词与 `socklab run --fault` 相同：见 `socklab run --help`。\n\
            没有写出的都恢复正常。",
        args: &[&[("board", "板子，或 all（全部）"), ("spec", "有什么问题；前面加 up: 或 down: 只对一个方向")]],
    },
    Text {
        path: "lan capture",
        about: "以 pcapng（Wireshark 可读）持续输出经过的帧，直到 Ctrl-C；网络不会因此等待",
        after: "示例：\n  \
            socklab lan capture | wireshark -k -i -\n  \
            socklab lan capture -o run.pcapng\n\n\
            `socklab run --frames` 从一开始就保存所有的帧。",
        args: &[&[("output", "输出到文件；- 表示标准输出 [默认：标准输出]")]],
    },
    Text {
        path: "lan air",
        about: "从现在起改变一个接入点的故障",
        after: "示例：\n  \
            socklab lan air Socklab gone                  关闭\n  \
            socklab lan air Socklab isolated dhcp=slow:3s\n  \
            socklab lan air Socklab back                  不再有任何故障\n\n\
            没有写出的都恢复正常：\n  \
            gone             板子失去它，也找不到它\n  \
            deauth           让板子断开一次；可以重新加入\n  \
            wrong-password   对任何密码都说错误\n  \
            isolated         它的板子彼此听不到\n  \
            dhcp=FAULT       off（不回答）、slow:3s（慢）、nak（拒绝）、exhausted（地址用尽）\n  \
            dns=FAULT        off（不回答）、slow:3s（慢）、nxdomain（没有此名）、wrong:10.0.0.1（错误地址）",
        args: &[&[("name", "板子加入时用的名称"), ("spec", "有什么问题")]],
    },
    Text {
        path: "capture",
        about: "查看抓取的数据",
        after: "示例：socklab capture show --peer e1.3",
        args: &[&[("capture", "存放抓取的文件夹 [默认：数据文件夹中的 captures]")]],
    },
    Text {
        path: "capture ls",
        about: "列出所有抓取，最新的在最后",
        after: "示例：socklab capture ls --json",
        args: &[&[("json", "以 JSON 输出，每次抓取一个对象")]],
    },
    Text {
        path: "capture show",
        about: "显示一次抓取的记录",
        after: "示例：socklab capture show --from 100 --show both",
        args: &[&SHOW],
    },
    Text {
        path: "capture follow",
        about: "持续显示新到的记录，也可用于其他 Socklab 正在写入的抓取",
        after: "示例：socklab capture follow --peer e1.3",
        args: &[&SHOW],
    },
    Text {
        path: "capture search",
        about: "在收发的数据中查找文本、字节或正则表达式，可跨越多次收发",
        after: "示例：\n  \
            socklab capture search temperature\n  \
            socklab capture search --hex 01 03\n  \
            socklab capture search --regex 'T=[0-9]+' --peer e1.3\n\n\
            没有找到时，退出码为 1。",
        args: &[&[
            ("what", "带转义的文本，或选项指定的形式"),
            ("run", RUN),
            ("hex", "WHAT 是十六进制"),
            ("regex", "WHAT 是按字节匹配的正则表达式；其中 $ 指任意一次收发的结尾"),
            ("peer", PEER),
            ("count", "只显示匹配的数目"),
            ("encoding", "文本的编码"),
        ]],
    },
    Text {
        path: "capture export",
        about: "把一次抓取导出为其他格式",
        after: "示例：\n  \
            socklab capture export --as pcapng -o run.pcapng       供 Wireshark 打开\n  \
            socklab capture export --peer e1.3 --as raw -o e1.3.bin  它发来的字节，一个不差\n  \
            socklab capture export --as csv | head",
        args: &[&[
            ("run", RUN),
            ("format", "格式：raw、pcapng、jsonl、csv、txt 或 netassist"),
            ("peer", PEER),
            ("encoding", "文本的编码"),
            ("output", "输出到文件 [默认：标准输出]"),
        ]],
    },
    Text {
        path: "capture stat",
        about: "一次抓取及其各对端的统计",
        after: "示例：socklab capture stat --json",
        args: &[&[("run", RUN), ("json", "以 JSON 输出")]],
    },
    Text {
        path: "addr",
        about: "设备可以连接的本机地址，以及可能的阻碍",
        after: "示例：socklab addr 8080",
        args: &[&[("port", "设备要连接的端口")]],
    },
    Text {
        path: "serve",
        about: "浏览器中的工作台",
        after: "示例：\n  \
            socklab serve\n  \
            socklab serve --open 10000 --open udp://0.0.0.0:5000\n  \
            socklab serve --listen 0.0.0.0:7625 --token WORD   其他机器也可以访问\n\n\
            程序使用同一套 API：文档在 /api/openapi.json，\n\
            请求时带上 'Authorization: Bearer TOKEN'。",
        args: &[
            &[
                ("listen", "工作台的监听地址 [默认：127.0.0.1:7625，被占用时用下一个空闲端口]"),
                ("no_open", "不打开浏览器"),
                ("open", "启动时打开一个端点：端口或 URL，写法与 `listen` 相同（可重复）"),
                ("token", "浏览器和程序必须知道的令牌 [默认：每次启动都不同]"),
            ],
            &KEEP,
        ],
    },
    Text {
        path: "completions",
        about: "生成 shell 的补全脚本",
        after: "示例：socklab completions bash",
        args: &[&[("shell", "用于哪种 shell")]],
    },
    Text { path: "help", about: "显示本帮助，或某个命令的帮助", after: "", args: &[] },
];

/// Of `run` and `repl`.
const BOARD: [(&str, &str); 18] = [
    ("net", "板子所在的网络"),
    ("open", "在板子旁边打开一个端点，其收发显示在 stderr：端口或 URL，同 `listen`"),
    (
        "forward",
        "把本机（127.0.0.1，或指定的 ADDRESS）的端口转到板子的端口，例如 8080:esp32:80；只有一块板子时不写名称；可重复",
    ),
    (
        "fault",
        "板子的链路有什么问题，例如 'loss=5% delay=20ms'；前面加 BOARD: 只对一块板子，加 up: 或 down: 只对一个方向；可重复。全部见 run --help",
    ),
    ("air", "Wi-Fi 有什么问题，例如 'dhcp=off'、'wrong-password'。全部见 lan air --help"),
    ("seed", "网络中一切随机的来源：同一个数丢失同样的帧"),
    ("name", "让 api.example.com 这样的名称指向这台电脑，或板子网络中的 ADDRESS；可重复"),
    ("frames", "把板子网络中的每一帧都保存到抓取中，供 Wireshark 和 `capture stat` 使用"),
    ("host_loopback", "允许板子连接本机回环地址的所有端口，而不仅是 `socklab listen` 打开的端口"),
    ("join_time", "加入 Wi-Fi 所需的时间"),
    ("internet", "允许板子连接任何地址，而不仅是本机的地址"),
    ("wifi", "唯一存在的 Wi-Fi [默认：程序要求的任何名称和密码]"),
    ("strict", "拒绝真实板子没有的功能"),
    ("lenient", "允许真实板子没有的功能，并提示一次（默认）"),
    ("board", "哪种板子：esp32、k230、waffle、mpython、rp2、linux"),
    ("flash", "作为板子文件系统的文件夹 [默认：数据文件夹中的 flash/NAME]"),
    ("set", "外部给引脚或传感器的值，例如 4=1、adc34=1.5；全部见 run --help"),
    ("events", "引脚变化如何显示在标准错误输出上"),
];

/// Of `listen` and `connect`.
const SESSION: [(&str, &str); 5] = [
    ("echo", "把每个对端发来的数据发回给它"),
    ("capture", "把抓取保存到 DIR 下；none 为不保存 [默认：数据文件夹中的 captures]"),
    ("show", "记录的显示方式 [默认：终端中为 text，管道中为 raw]"),
    ("encoding", "文本的编码：utf-8、gbk、gb18030、shift_jis、utf-16le 等"),
    ("eol", "输入的每一行以什么结尾"),
];

/// Of `listen`, `connect` and `serve`.
const KEEP: [(&str, &str); 3] = [
    ("sync", "抓取的数据何时不怕断电（程序崩溃则从不丢失）"),
    ("keep", "总量超过此大小时，删除最旧的抓取"),
    ("keep_for", "删除早于此时长的抓取 [默认：不删除]"),
];

/// Of `capture show` and `capture follow`.
const SHOW: [(&str, &str); 6] = [
    ("frames", "同时显示板子网络中的帧，按其在记录之间的位置"),
    ("run", RUN),
    ("from", "从这个序号的记录开始"),
    ("peer", PEER),
    ("show", "记录的显示方式"),
    ("encoding", "文本的编码"),
];

const RUN: &str = "抓取的名称或文件夹，或导出的 pcapng 文件 [默认：最新的一次]";
const PEER: &str = "仅此对端（可重复给出）";

/// Of `--help` where `-h` says less.
const HELP: [&str; 2] = ["显示帮助（详情用 --help）", "显示帮助（摘要用 -h）"];

/// The values of arguments: id, value, and its Chinese.
const VALUES: [(&str, &str, &str); 17] = [
    ("net", "lan", "虚拟网络 192.168.1.0/24：其中没有板子占用的地址都是这台电脑"),
    ("net", "host", "本机自己的网络"),
    ("events", "text", "每次一行"),
    ("events", "json", "每次一个 JSON 对象"),
    ("events", "none", "不显示"),
    ("show", "text", "每条记录一行，文本"),
    ("show", "hex", "每条记录一行，十六进制"),
    ("show", "both", "十六进制转储，旁边附文本"),
    ("show", "raw", "只有收到的字节"),
    ("show", "json", "每条记录一个 JSON 对象"),
    ("show", "none", "不显示"),
    ("eol", "lf", "换行（LF）"),
    ("eol", "crlf", "回车加换行（CR LF）"),
    ("eol", "none", "什么都不加"),
    ("sync", "none", "由系统决定"),
    ("sync", "interval", "最迟 25 毫秒之后"),
    ("sync", "always", "显示之前"),
];

/// The columns that help is laid out for: a terminal's, where nobody has made it wider.
const WIDTH: usize = 80;

/// Where clap begins the help of `--help`, a line below its argument.
const LONG_HELP_COLUMN: usize = 10;

/// Reads the command line. In English, this is all clap's.
pub(crate) fn parse(lang: Lang) -> Result<Cli, clap::Error> {
    match lang {
        Lang::En => Cli::try_parse(),
        Lang::Zh => Cli::from_arg_matches_mut(&mut chinese(Cli::command()).try_get_matches()?),
    }
}

/// The command line with Chinese help.
fn chinese(mut command: Command) -> Command {
    command.build(); // clap's own arguments and commands are there only now
    translate(command, "")
}

fn translate(command: Command, path: &str) -> Command {
    let template = template(&command);
    let [option, positional] = [false, true].map(|positional| WIDTH - help_column(&command, positional));
    let has_after = command.get_after_help().is_some();
    let command = command
        .help_template(template)
        .mut_args(|arg| {
            let room = if arg.is_positional() { positional } else { option };
            argument(arg, path, room)
        })
        .mut_subcommands(|child| {
            let path = format!("{path} {}", child.get_name());
            translate(child, path.trim_start())
        });
    match text_of(path) {
        Some(text) if has_after => command.about(text.about).after_help(text.after),
        Some(text) => command.about(text.about),
        None => command,
    }
}

/// clap adds `help` to every command that has commands, with a copy of these below it.
fn text_of(path: &str) -> Option<&'static Text> {
    let plain = path.split(' ').filter(|word| *word != "help").collect::<Vec<_>>().join(" ");
    let path = if path.rsplit(' ').next() == Some("help") { "help" } else { &plain };
    COMMANDS.iter().find(|text| text.path == path)
}

/// An argument's Chinese, and the command where it was found: this one, or one above that it is inherited from.
fn argument_text(path: &str, id: &str) -> Option<(&'static str, &'static str)> {
    std::iter::successors(Some(path), |path| parent(path)).find_map(|path| {
        let text = COMMANDS.iter().find(|text| text.path == path)?;
        let (_, zh) = text.args.iter().copied().flatten().find(|arg| arg.0 == id)?;
        Some((text.path, *zh))
    })
}

fn parent(path: &str) -> Option<&str> {
    let above = path.rsplit_once(' ').map(|(above, _)| above);
    above.or((!path.is_empty()).then_some(""))
}

fn value_text(id: &str, value: &str) -> Option<&'static str> {
    VALUES.iter().find(|text| (text.0, text.1) == (id, value)).map(|text| text.2)
}

/// clap's own, with Chinese headings.
fn template(command: &Command) -> String {
    let (header, usage) = (command.get_styles().get_header(), command.get_styles().get_usage());
    let shown = |positional| command.get_arguments().any(|arg| arg.is_positional() == positional && !arg.is_hide_set());
    let sections = [
        (command.get_subcommands().any(|child| !child.is_hide_set()), "命令", "subcommands"),
        (shown(true), "参数", "positionals"),
        (shown(false), "选项", "options"),
    ];
    let mut template = format!("{{about-with-newline}}\n{usage}用法：{usage:#}{{usage}}");
    for (_, heading, tag) in sections.iter().filter(|section| section.0) {
        template += &format!("\n\n{header}{heading}：{header:#}\n{{{tag}}}");
    }
    template + "{after-help}"
}

/// The column where clap begins the help of the options, or of the positional arguments.
fn help_column(command: &Command, positional: bool) -> usize {
    let args = command.get_arguments().filter(|arg| arg.is_positional() == positional && !arg.is_hide_set());
    let width = |arg: &Arg| arg.to_string().chars().count() + if arg.get_long().is_some() { "-x, ".len() } else { 0 };
    "    ".len() + args.map(width).max().unwrap_or_default()
}

/// Says everything itself: what clap would add to the help is English.
fn argument(arg: Arg, path: &str, room: usize) -> Arg {
    let Some((_, zh)) = argument_text(path, arg.get_id().as_str()) else { return arg };
    if arg.get_long_help().is_some() {
        return arg.help(HELP[0]).long_help(HELP[1]);
    }
    let (default, choice, values) = (default_of(&arg), choice_of(&arg), values_of(&arg));
    let short = joined([Some(zh.into()), default.clone(), choice.clone()], " ");
    let facts = joined([default, choice.filter(|_| values.is_none())], "\n");
    let long = joined([Some(fold(zh, WIDTH - LONG_HELP_COLUMN)), values, Some(facts)], "\n\n");
    let arg = arg.hide_default_value(true).hide_possible_values(true);
    arg.help(fold(&short, room)).long_help(long)
}

fn joined<const N: usize>(parts: [Option<String>; N], between: &str) -> String {
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(between)
}

fn default_of(arg: &Arg) -> Option<String> {
    let values: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    (arg.get_action().takes_values() && !values.is_empty()).then(|| format!("[默认：{}]", values.join(" ")))
}

fn choice_of(arg: &Arg) -> Option<String> {
    let values = arg.get_possible_values();
    let names: Vec<&str> = values.iter().filter(|value| !value.is_hide_set()).map(|value| value.get_name()).collect();
    (!names.is_empty()).then(|| format!("[可选：{}]", names.join(", ")))
}

/// The list of values, where there is something to say of them.
fn values_of(arg: &Arg) -> Option<String> {
    let values = arg.get_possible_values();
    let values: Vec<&str> = values.iter().filter(|value| !value.is_hide_set()).map(|value| value.get_name()).collect();
    let (width, literal) = (values.iter().map(|name| name.len()).max()?, *Styles::styled().get_literal());
    let line = |name: &&str| {
        let zh = value_text(arg.get_id().as_str(), name)?;
        Some(format!("\n- {literal}{name}{literal:#}：{:1$}{zh}", "", width - name.len()))
    };
    let lines: String = values.iter().filter_map(line).collect();
    (!lines.is_empty()).then(|| format!("可选值：{lines}"))
}

/// Breaks lines of more than `room` columns. clap does so at spaces, of which Chinese has few.
fn fold(text: &str, room: usize) -> String {
    let (mut out, mut column) = (String::new(), 0);
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(word_len(rest));
        if column > 0 && column + columns(word.trim_end()) > room {
            out.truncate(out.trim_end().len());
            out.push('\n');
            column = 0;
        }
        out += word;
        column += columns(word);
        rest = after;
    }
    out
}

/// How many bytes at the front must stay in one line.
fn word_len(text: &str) -> usize {
    let pairs = text.char_indices().zip(text.char_indices().skip(1));
    pairs.into_iter().find(|&((_, a), (_, b))| may_break(a, b)).map_or(text.len(), |(_, (at, _))| at)
}

fn may_break(a: char, b: char) -> bool {
    let joined = "，。；：、）]".contains(b) || "（[".contains(a);
    b != ' ' && (a == ' ' || (is_wide(a) || is_wide(b)) && !joined)
}

fn columns(text: &str) -> usize {
    text.chars().map(|c| 1 + usize::from(is_wide(c))).sum()
}

/// Of the characters that are used here, the Chinese ones and their punctuation.
fn is_wide(c: char) -> bool {
    c >= '\u{2e80}'
}

/// Writes the parser's errors as clap does, in Chinese.
pub(crate) struct Chinese;

impl ErrorFormatter for Chinese {
    fn format_error(error: &clap::error::Error<Self>) -> StyledStr {
        let styles = Styles::styled();
        let said = Said { error, styles: &styles };
        let (red, literal) = (styles.get_error(), styles.get_literal());
        let mut text = format!("{red}错误：{red:#}{}", said.message().unwrap_or_else(|| "命令行有误".into()));
        let tips: Vec<String> = said.tips().map(|tip| format!("\n  {}", said.tip(&tip))).collect();
        if !tips.is_empty() {
            text = text + "\n" + &tips.concat();
        }
        if let Some(usage) = said.usage() {
            text = text + "\n\n" + &usage;
        }
        text += &format!("\n\n查看帮助请用 '{literal}--help{literal:#}'。\n");
        text.into()
    }
}

/// What clap has to say, piece by piece.
struct Said<'a> {
    error: &'a clap::error::Error<Chinese>,
    styles: &'a Styles,
}

/// English of clap's own within a tip, and its Chinese; the longer first.
const TIPS: [(&str, &str); 6] = [
    ("to pass '", "要把 '"),
    ("' as a value, use '", "' 作为值，请写成 '"),
    ("subcommand '", "有命令 '"),
    ("' exists; to use it, remove the '", "'；要使用它，请去掉前面的 '"),
    ("' before it", "'"),
    ("' exists", "' 可用"),
];

impl Said<'_> {
    /// What is wrong; `None` where there is nothing to add to that something is.
    fn message(&self) -> Option<String> {
        use ContextKind::{InvalidArg, InvalidSubcommand};
        Some(match self.error.kind() {
            ErrorKind::UnknownArgument => self.unknown(self.one(InvalidArg)?),
            ErrorKind::InvalidSubcommand => format!("没有命令 {}", self.bad(self.one(InvalidSubcommand)?)),
            ErrorKind::ArgumentConflict => self.conflict()?,
            ErrorKind::MissingRequiredArgument => format!("缺少必需的参数：{}", self.lines(self.many(InvalidArg))),
            ErrorKind::MissingSubcommand => {
                let choice = self.choice("命令", ContextKind::ValidSubcommand);
                format!("{} 之后需要一个命令{choice}", self.bad(self.one(InvalidSubcommand)?))
            }
            ErrorKind::InvalidValue | ErrorKind::ValueValidation => self.invalid_value()?,
            ErrorKind::NoEquals => format!("给 {} 赋值需要等号", self.bad(self.one(InvalidArg)?)),
            ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
                self.number_of_values()?
            }
            ErrorKind::InvalidUtf8 => "有参数不是有效的 UTF-8".into(),
            _ => return None,
        })
    }

    fn unknown(&self, arg: &str) -> String {
        format!("{} {}", if arg.starts_with('-') { "未知选项" } else { "多余的参数" }, self.bad(arg))
    }

    fn conflict(&self) -> Option<String> {
        let arg = self.one(ContextKind::InvalidArg).or_else(|| self.one(ContextKind::InvalidSubcommand))?;
        let (bad, others) = (self.bad(arg), self.many(ContextKind::PriorArg));
        Some(match self.one(ContextKind::PriorArg) {
            Some(other) if other == arg => format!("{bad} 不能重复使用"),
            Some(other) => format!("{bad} 不能与 {} 同时使用", self.bad(other)),
            None if others.is_empty() => format!("{bad} 不能与所给的其他参数同时使用"),
            None => format!("{bad} 不能与下列参数同时使用：{}", self.lines(others)),
        })
    }

    fn invalid_value(&self) -> Option<String> {
        let (arg, value) = (self.one(ContextKind::InvalidArg)?, self.one(ContextKind::InvalidValue)?);
        let choice = self.choice("可选", ContextKind::ValidValue);
        if value.is_empty() && self.error.kind() == ErrorKind::InvalidValue {
            return Some(format!("{} 需要一个值{choice}", self.bad(arg)));
        }
        let reason = self.error.source().map(|source| format!("：{}", reason(source, value)));
        Some(format!("{} 的值 {} 无效{}{choice}", self.name(arg), self.bad(value), reason.unwrap_or_default()))
    }

    fn number_of_values(&self) -> Option<String> {
        let arg = self.name(self.one(ContextKind::InvalidArg)?);
        if let Some(value) = self.one(ContextKind::InvalidValue) {
            return Some(format!("{arg} 的值太多：{}", self.bad(value)));
        }
        let given = self.number(ContextKind::ActualNumValues)?;
        let least = self.number(ContextKind::MinValues).map(|least| format!("{arg} 至少需要 {least} 个值"));
        let exact = || self.number(ContextKind::ExpectedNumValues).map(|exact| format!("{arg} 需要 {exact} 个值"));
        Some(format!("{}，只给了 {given} 个", least.or_else(exact)?))
    }

    fn tips(&self) -> impl Iterator<Item = String> {
        let near = [
            (ContextKind::SuggestedSubcommand, "命令"),
            (ContextKind::SuggestedArg, "选项"),
            (ContextKind::SuggestedValue, "值"),
        ];
        let near = near.into_iter().filter_map(|(kind, what)| {
            let words = self.one(kind).map_or_else(|| self.many(kind).to_vec(), |word| vec![word.to_owned()]);
            let words: Vec<String> = words.iter().map(|word| quoted(word, self.styles.get_valid())).collect();
            (!words.is_empty()).then(|| format!("有相近的{what}：{}", words.join("、")))
        });
        let more = match self.error.get(ContextKind::Suggested) {
            Some(ContextValue::StyledStrs(tips)) => tips.as_slice(),
            _ => &[],
        };
        near.chain(more.iter().map(|tip| {
            // Styles stand between the quotes and what is quoted.
            let styled = tip.ansi().to_string();
            TIPS.iter().fold(styled, |text, (en, zh)| text.replace(en, zh))
        }))
    }

    fn tip(&self, text: &str) -> String {
        let valid = self.styles.get_valid();
        format!("{valid}提示：{valid:#}{text}")
    }

    /// clap's, with its heading in Chinese.
    fn usage(&self) -> Option<String> {
        let Some(ContextValue::StyledStr(usage)) = self.error.get(ContextKind::Usage) else { return None };
        let (text, style) = (usage.ansi().to_string(), self.styles.get_usage());
        let rest = text.strip_prefix(&format!("{style}Usage:{style:#} "));
        Some(rest.map(|rest| format!("{style}用法：{style:#}{rest}")).unwrap_or(text))
    }

    fn choice(&self, what: &str, kind: ContextKind) -> String {
        let valid = self.styles.get_valid();
        let words: Vec<String> = self.many(kind).iter().map(|word| format!("{valid}{word}{valid:#}")).collect();
        if words.is_empty() { String::new() } else { format!("\n  [{what}：{}]", words.join(", ")) }
    }

    fn lines(&self, words: &[String]) -> String {
        let valid = self.styles.get_valid();
        words.iter().map(|word| format!("\n  {valid}{word}{valid:#}")).collect()
    }

    fn bad(&self, text: &str) -> String {
        quoted(text, self.styles.get_invalid())
    }

    fn name(&self, text: &str) -> String {
        quoted(text, self.styles.get_literal())
    }

    fn one(&self, kind: ContextKind) -> Option<&str> {
        match self.error.get(kind)? {
            ContextValue::String(text) => Some(text),
            _ => None,
        }
    }

    fn many(&self, kind: ContextKind) -> &[String] {
        match self.error.get(kind) {
            Some(ContextValue::Strings(texts)) => texts,
            _ => &[],
        }
    }

    fn number(&self, kind: ContextKind) -> Option<isize> {
        match self.error.get(kind)? {
            ContextValue::Number(number) => Some(*number),
            _ => None,
        }
    }
}

fn quoted(text: &str, style: &clap::builder::styling::Style) -> String {
    format!("'{style}{text}{style:#}'")
}

/// Why the parser of a value refused it.
fn reason(source: &(dyn std::error::Error + 'static), value: &str) -> String {
    if let Some(unknown) = source.downcast_ref::<UnknownEncoding>() {
        return unknown.zh();
    }
    if let Some(UnknownFormat(name)) = source.downcast_ref() {
        return format!(
            "没有名为 {name:?} 的格式（可用：{}）",
            Format::ALL.map(|format| format.to_string()).join("、")
        );
    }
    if let Some(error) = source.downcast_ref::<NotGiven>() {
        return error.text(Lang::Zh).into();
    }
    if let Some(error) = source.downcast_ref::<NotTaken>() {
        return error.text(Lang::Zh).into();
    }
    if let Some(error) = source.downcast_ref::<FaultError>() {
        return error.zh();
    }
    if source.is::<NoForward>() {
        return "不是 [ADDRESS:]PORT:[BOARD:]PORT，例如 8080:80 或 8080:esp32:80".into();
    }
    if source.is::<NoName>() {
        return "不是 NAME 或 NAME=ADDRESS，例如 api.example.com 或 api.example.com=192.168.1.50".into();
    }
    if source.is::<socklab_capture::record::BadId>() {
        return "不是对端（写成 e1.3）".into();
    }
    if let Some(error) = source.downcast_ref::<ParseIntError>() {
        return not_a_number(error).into();
    }
    let said = source.to_string();
    quantity_reason(value, &said).or_else(|| range_reason(&said)).unwrap_or(said)
}

fn not_a_number(error: &ParseIntError) -> &'static str {
    match error.kind() {
        IntErrorKind::Empty => "缺少数字",
        IntErrorKind::PosOverflow => "太大",
        IntErrorKind::NegOverflow => "太小",
        _ => "不是非负整数",
    }
}

/// Durations and sizes come as text: reading the value again tells which it was.
fn quantity_reason(value: &str, said: &str) -> Option<String> {
    let errors = [parse_duration(value).err(), parse_size(value).err()];
    errors.into_iter().flatten().find(|error| error.to_string() == said).map(|error| error.text(Lang::Zh))
}

/// clap's own: `70000 is not in 0..=65535`.
fn range_reason(said: &str) -> Option<String> {
    let (_, range) = said.split_once(" is not in ")?;
    let (low, high) = range.split_once("..")?;
    Some(format!("不在 {low} 到 {} 之间", high.trim_start_matches('=')))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What a walk over the English command line has found: the keys of the tables, and what they lack.
    #[derive(Default)]
    struct Walk {
        used: BTreeSet<String>,
        lacking: Vec<String>,
    }

    impl Walk {
        fn command(&mut self, command: &Command, path: &str) {
            let text = text_of(path);
            self.note(
                command.get_about().is_some(),
                text.map(|text| text.path.to_owned()),
                text.map(|text| text.about),
                path,
            );
            if let Some(after) = command.get_after_help() {
                let zh = text.map(|text| text.after).filter(|zh| examples(zh) == examples(&after.to_string()));
                self.note(true, None, zh, &format!("{path}: after_help"));
            }
            for arg in command.get_arguments() {
                self.argument(arg, path);
            }
            for child in command.get_subcommands() {
                self.command(child, format!("{path} {}", child.get_name()).trim_start());
            }
        }

        fn argument(&mut self, arg: &Arg, path: &str) {
            let id = arg.get_id().as_str();
            let found = argument_text(path, id);
            let key = found.map(|(path, _)| format!("{path}: {id}"));
            self.note(arg.get_help().is_some(), key, found.map(|(_, zh)| zh), &format!("{path}: {id}"));
            for value in arg.get_possible_values().iter().filter(|value| value.get_help().is_some()) {
                let key = format!("{id}={}", value.get_name());
                self.note(true, Some(key.clone()), value_text(id, value.get_name()), &key);
            }
        }

        fn note(&mut self, is_needed: bool, key: Option<String>, zh: Option<&str>, place: &str) {
            if is_needed && !zh.is_some_and(|zh| zh.chars().any(is_wide)) {
                self.lacking.push(place.to_owned());
            }
            self.used.extend(key);
        }
    }

    /// The command lines among them: indented, up to what is explained of them.
    fn examples(text: &str) -> Vec<&str> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("  "));
        lines.map(|line| line.split("  ").next().unwrap_or_default()).collect()
    }

    fn keys() -> BTreeSet<String> {
        let args = |text: &Text| {
            let ids = text.args.iter().copied().flatten().map(|(id, _)| format!("{}: {id}", text.path));
            ids.collect::<Vec<_>>()
        };
        let texts = COMMANDS.iter().flat_map(|text| args(text).into_iter().chain([text.path.to_owned()]));
        texts.chain(VALUES.iter().map(|(id, value, _)| format!("{id}={value}"))).collect()
    }

    #[test]
    fn all_that_is_english_is_chinese_and_nothing_else() {
        let mut english = Cli::command();
        english.build();
        let mut walk = Walk::default();
        walk.command(&english, "");
        assert_eq!(walk.lacking, [""; 0], "without Chinese, or with other examples");
        assert_eq!(keys().difference(&walk.used).collect::<Vec<_>>(), [""; 0], "Chinese of nothing");
    }

    fn said(args: &[&str]) -> String {
        let args = ["socklab"].iter().chain(args);
        let command = chinese(Cli::command().term_width(100)); // whatever terminal the test runs in
        let error = command.try_get_matches_from(args).expect_err("help or an error");
        error.apply::<Chinese>().render().to_string()
    }

    #[test]
    fn help_has_no_english_and_fits() {
        for path in COMMANDS.iter().map(|text| text.path).filter(|path| *path != "help") {
            for help in ["-h", "--help"] {
                let words: Vec<&str> = path.split_whitespace().chain([help]).collect();
                let text = said(&words);
                for english in ["Usage", "Options:", "Arguments:", "Commands:", "[default", "ossible values", "Print "]
                {
                    assert!(!text.contains(english), "{words:?}: {english}\n{text}");
                }
                let wide: Vec<&str> = text.lines().filter(|line| columns(line) > 100).collect();
                assert_eq!(wide, [""; 0], "{words:?}");
            }
        }
    }

    #[test]
    fn help_is_laid_out_as_clap_does() {
        let text = said(&["addr", "-h"]);
        assert_eq!(
            text,
            "设备可以连接的本机地址，以及可能的阻碍\n\n用法：socklab addr [OPTIONS] [PORT]\n\n\
             参数：\n  [PORT]  设备要连接的端口 [默认：10000]\n\n\
             选项：\n      --data <DIR>  抓取、历史和设置的存放位置 [默认：$SOCKLAB_DATA，未设置则为\n                    \
             系统的数据文件夹]\n  -h, --help        显示帮助\n\n示例：socklab addr 8080\n"
        );
        let text = said(&["listen", "--help"]);
        assert!(text.contains("\n      --eol <END>\n          输入的每一行以什么结尾\n"), "{text}");
        assert!(text.contains("\n          可选值：\n          - lf：  换行（LF）\n"), "{text}");
        assert!(text.contains("\n          [默认：lf]\n"), "{text}");
        assert!(text.contains("\n          显示帮助（摘要用 -h）\n"), "{text}");
    }

    #[test]
    fn help_of_help_is_chinese() {
        assert!(said(&["help", "capture", "ls"]).contains("列出所有抓取"));
        assert!(said(&["help", "help"]).contains("显示本帮助"));
        assert!(said(&["capture"]).contains("\n命令：\n"));
        assert!(said(&["--version"]).starts_with("socklab "));
    }

    #[test]
    fn errors_have_the_form_of_claps() {
        let help = "\n\n查看帮助请用 '--help'。\n";
        for (args, expected) in [
            (
                &["addr", "--prot"][..],
                "错误：未知选项 '--prot'\n\n  提示：要把 '--prot' 作为值，请写成 '-- --prot'\n\n用法：socklab addr [OPTIONS] [PORT]",
            ),
            (
                &["listen", "1", "--ech"],
                "错误：未知选项 '--ech'\n\n  提示：有相近的选项：'--echo'\n\n用法：socklab listen --echo <URL|PORT>...",
            ),
            (&["addr", "1", "2"], "错误：多余的参数 '2'\n\n用法：socklab addr [OPTIONS] [PORT]"),
            (
                &["lisen"],
                "错误：没有命令 'lisen'\n\n  提示：有相近的命令：'listen'\n\n用法：socklab [OPTIONS] [COMMAND]",
            ),
            (&["listen"], "错误：缺少必需的参数：\n  <URL|PORT>...\n\n用法：socklab listen <URL|PORT>..."),
            (
                &["listen", "1", "--show", "x"],
                "错误：'--show <FORM>' 的值 'x' 无效\n  [可选：text, hex, both, raw, json, none]",
            ),
            (
                &["listen", "1", "--show"],
                "错误：'--show <FORM>' 需要一个值\n  [可选：text, hex, both, raw, json, none]",
            ),
            (
                &["listen", "1", "--echo", "--echo"],
                "错误：'--echo' 不能重复使用\n\n用法：socklab listen [OPTIONS] <URL|PORT>...",
            ),
            (
                &["send", "--file", "f", "u", "d"],
                "错误：'--file <FILE>' 不能与 '[DATA]...' 同时使用\n\n用法：socklab send --file <FILE> <URL> [DATA]...",
            ),
        ] {
            assert_eq!(said(args), format!("{expected}{help}"), "{args:?}");
        }
    }

    #[test]
    fn a_refused_value_is_told_why() {
        for (args, expected) in [
            (
                &["listen", "1", "--keep", "1kb"][..],
                r#"'--keep <SIZE>' 的值 '1kb' 无效：大小 "1kb" 的单位 "kb" 未知（可用 k、m、g）"#,
            ),
            (
                &["listen", "1", "--keep-for", "1d"],
                r#"'--keep-for <DURATION>' 的值 '1d' 无效：时长 "1d" 的单位 "d" 未知（可用 ms、s、m、h）"#,
            ),
            (
                &["listen", "1", "--encoding", "x"],
                r#"'--encoding <NAME>' 的值 'x' 无效：没有名为 "x" 的编码（常用：utf-8、gbk、"#,
            ),
            (
                &["capture", "export", "--as", "x"],
                r#"'--as <FORM>' 的值 'x' 无效：没有名为 "x" 的格式（可用：raw、pcapng、"#,
            ),
            (&["capture", "show", "--peer", "3"], "'--peer <PEER>' 的值 '3' 无效：不是对端（写成 e1.3）"),
            (&["addr", "70000"], "'[PORT]' 的值 '70000' 无效：不在 0 到 65535 之间"),
            (&["addr", "x"], "'[PORT]' 的值 'x' 无效：不是非负整数"),
        ] {
            let text = said(args);
            assert!(text.starts_with(&format!("错误：{expected}")), "{args:?}: {text}");
        }
    }

    #[test]
    fn chinese_reads_what_english_reads() {
        let args = ["socklab", "listen", "10000", "--eol", "crlf", "--keep", "1m", "--data", "d"];
        let mut matches = chinese(Cli::command()).try_get_matches_from(args).expect("arguments");
        let cli = Cli::from_arg_matches_mut(&mut matches).expect("a command line");
        assert_eq!(format!("{cli:?}"), format!("{:?}", Cli::parse_from(args)));
    }

    #[test]
    fn lines_break_between_characters_but_not_before_a_comma() {
        assert_eq!(fold("一二三四", 4), "一二\n三四");
        assert_eq!(fold("一二，三四", 4), "一\n二，\n三四");
        assert_eq!(fold("一 abc def", 6), "一 abc\ndef");
        assert_eq!(fold("(long-word) 一", 4), "(long-word)\n一");
    }
}
