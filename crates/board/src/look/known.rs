//! What there is on boards and what is CPython's only, as data.

/// Names that MicroPython has built in.
pub(super) const BUILTINS: &str = "ArithmeticError AssertionError AttributeError BaseException EOFError Ellipsis Exception \
     False GeneratorExit ImportError IndentationError IndexError KeyError KeyboardInterrupt LookupError MemoryError \
     NameError None NotImplemented NotImplementedError OSError OverflowError RuntimeError StopAsyncIteration StopIteration SyntaxError \
     SystemExit True TypeError UnicodeError ValueError ViperTypeError ZeroDivisionError abs all any bin bool bytearray \
     bytes callable chr classmethod compile complex delattr dict dir divmod enumerate eval exec execfile filter float \
     frozenset getattr globals hasattr hash help hex id input int isinstance issubclass iter len list locals map max \
     memoryview min next object oct open ord pow print property range repr reversed round set setattr slice sorted \
     staticmethod str sum super tuple type zip ptr ptr8 ptr16 ptr32 uint const";

/// Names that only CPython has built in.
pub(super) const CPYTHON_BUILTINS: &str = "BlockingIOError BrokenPipeError BufferError BytesWarning ChildProcessError \
     ConnectionAbortedError ConnectionError ConnectionRefusedError ConnectionResetError DeprecationWarning \
     EnvironmentError FileExistsError FileNotFoundError FutureWarning IOError ImportWarning InterruptedError \
     IsADirectoryError ModuleNotFoundError NotADirectoryError PendingDeprecationWarning PermissionError \
     ProcessLookupError RecursionError ReferenceError ResourceWarning RuntimeWarning SyntaxWarning SystemError TabError \
     TimeoutError UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeTranslateError UnicodeWarning \
     UserWarning Warning ExceptionGroup BaseExceptionGroup aiter anext ascii breakpoint copyright credits exit format \
     license quit vars";

/// Modules of CPython's library that boards lack.
pub(super) const CPYTHON_MODULES: &str = "logging datetime functools itertools threading queue string copy \
     traceback contextlib abc typing inspect types operator warnings pathlib base64 hmac uuid urllib http socketserver \
     enum dataclasses subprocess signal shutil tempfile locale multiprocessing selectors sqlite3 tkinter csv decimal \
     fractions statistics argparse ctypes";

/// Modules of CPython's library that a virtual Linux computer lacks.
pub(super) const LEFT_OUT: &str = "bz2 cProfile code csv ctypes curses dbm doctest fcntl filecmp fileinput ftplib getpass \
     graphlib grp gzip imaplib lzma mailbox mmap multiprocessing netrc pdb pkgutil plistlib poplib profile pty pwd readline \
     resource runpy shelve smtplib sqlite3 ssl sysconfig syslog tarfile termios tkinter tomllib tty turtle unicodedata venv \
     wave webbrowser xml xmlrpc zipfile zipimport zlib zoneinfo";

/// Modules that boards have, beside those under a `u` name.
pub(super) const MODULES: &str = "array asyncio binascii bluetooth btree cmath collections cryptolib deflate dht ds18x20 \
     errno esp esp32 espnow framebuf gc hashlib heapq io json machine math micropython mip mpython neopixel network \
     ntptime onewire os platform random re requests rp2 select socket ssl struct sys time tls uasyncio uctypes umqtt \
     urequests uselect usocket utime uos ujson ustruct ubinascii ure uio urandom uhashlib uerrno ucollections vfs \
     webrepl websocket";

/// Attributes of well-known modules and classes: what there is, and what only CPython has.
pub(super) fn attributes(of: &str) -> Option<(&'static str, &'static str)> {
    Some(match of {
        "socket" => ("socket getaddrinfo", SOCKET_CPYTHON),
        "time" => (
            "sleep sleep_ms sleep_us ticks_ms ticks_us ticks_cpu ticks_add ticks_diff time time_ns localtime gmtime mktime",
            "perf_counter monotonic strftime strptime ctime asctime process_time perf_counter_ns monotonic_ns",
        ),
        "network" => (
            "WLAN LAN STA_IF AP_IF AUTH_OPEN AUTH_WEP AUTH_PSK AUTH_WPA_PSK AUTH_WPA2_PSK AUTH_WPA_WPA2_PSK AUTH_WPA3_PSK \
             AUTH_WPA2_WPA3_PSK STAT_IDLE STAT_CONNECTING STAT_GOT_IP STAT_NO_AP_FOUND STAT_WRONG_PASSWORD PM_NONE \
             PM_PERFORMANCE PM_POWERSAVE hostname country ipconfig phy_mode",
            "",
        ),
        "machine" => (
            "Pin Timer PWM ADC UART I2C SoftI2C SPI SoftSPI RTC WDT Signal unique_id reset soft_reset freq idle \
             lightsleep deepsleep reset_cause wake_reason disable_irq enable_irq time_pulse_us bitstream DAC I2S SDCard \
             TouchPad Counter Encoder PCNT USBDevice CAN I2CTarget mem8 mem16 mem32 FPIOA FFT TOUCH LED dht_readinto \
             PWRON_RESET HARD_RESET WDT_RESET DEEPSLEEP_RESET SOFT_RESET PIN_WAKE EXT0_WAKE EXT1_WAKE TIMER_WAKE",
            "",
        ),
        "machine.Pin" => ("IN OUT OPEN_DRAIN PULL_UP PULL_DOWN IRQ_RISING IRQ_FALLING ALT ANALOG", ""),
        "machine.Timer" => ("ONE_SHOT PERIODIC", ""),
        "re" => {
            ("match search sub compile DEBUG", "findall finditer fullmatch split escape IGNORECASE MULTILINE DOTALL")
        }
        "os" => (OS, OS_CPYTHON),
        "a socket" => (SOCKET_METHODS, SOCKET_METHODS_CPYTHON),
        "a WLAN" => (
            "active connect disconnect isconnected status ifconfig ipconfig scan config stop info IF_STA IF_AP PM_NONE",
            "",
        ),
        _ => return None,
    })
}

const OS: &str = "uname listdir ilistdir stat statvfs getcwd chdir mkdir rmdir remove unlink rename urandom sync dupterm \
     mount umount exitpoint sep";

const OS_CPYTHON: &str = "path environ getenv getpid walk system popen makedirs scandir name linesep lstat fstat \
     getuid getcwdb cpu_count kill access chmod";

const SOCKET_CPYTHON: &str = "error timeout gaierror herror gethostname gethostbyname inet_aton inet_ntoa inet_pton \
     inet_ntop create_connection create_server setdefaulttimeout getdefaulttimeout socketpair htons htonl ntohs ntohl \
     SHUT_RD SHUT_WR SHUT_RDWR getfqdn has_ipv6 if_nameindex gethostbyaddr getnameinfo getservbyname SocketType";

const SOCKET_METHODS: &str = "close bind listen accept connect send sendall sendto recv recvfrom setsockopt settimeout \
     setblocking makefile fileno read readinto readline write";

const SOCKET_METHODS_CPYTHON: &str = "getsockname getpeername shutdown getsockopt connect_ex recv_into recvfrom_into \
     sendmsg recvmsg detach gettimeout getblocking family type proto sendfile";

/// Methods of str that boards lack, with names that nothing else has.
pub(super) const STR_METHODS: &str = "ljust rjust zfill swapcase isalnum isidentifier removeprefix removesuffix casefold expandtabs format_map maketrans";

/// Methods of str that boards lack, with names that other things have too.
pub(super) const STR_METHODS_COMMON: &str =
    "title capitalize translate isdecimal isnumeric isprintable istitle isascii";

/// Is it one of the words of a list?
pub(super) fn has(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|known| known == word)
}

/// Is it one of the names of this module?
pub(super) fn of(module: &str, name: &str) -> bool {
    attributes(module).is_some_and(|(names, _)| has(names, name))
}

/// Where to find a name that is used and not imported.
pub(super) fn import_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "socket" => "import socket",
        "usocket" => "import usocket",
        "network" => "import network",
        "machine" => "import machine",
        "time" => "import time",
        "utime" => "import utime",
        "sys" => "import sys",
        "os" => "import os",
        "json" => "import json",
        "asyncio" => "import asyncio",
        "struct" => "import struct",
        "select" => "import select",
        "random" => "import random",
        "math" => "import math",
        "gc" => "import gc",
        "Pin" => "from machine import Pin",
        "Timer" => "from machine import Timer",
        "PWM" => "from machine import PWM",
        "ADC" => "from machine import ADC",
        "UART" => "from machine import UART",
        "sleep" => "from time import sleep",
        "sleep_ms" => "from time import sleep_ms",
        _ => return None,
    })
}

/// What does the same on a board, in English and Chinese.
pub(super) fn instead(what: &str) -> Option<(&'static str, &'static str)> {
    Some(match what {
        "socket.timeout"
        | "socket.error"
        | "socket.gaierror"
        | "TimeoutError"
        | "ConnectionError"
        | "IOError"
        | "ConnectionRefusedError"
        | "ConnectionResetError"
        | "BrokenPipeError"
        | "FileNotFoundError"
        | "BlockingIOError"
        | "PermissionError"
        | "ConnectionAbortedError"
        | "EnvironmentError" => ("use OSError and look at its errno", "请用 OSError，并查看它的 errno"),
        "ModuleNotFoundError" => ("use ImportError", "请用 ImportError"),
        "UnicodeDecodeError" | "UnicodeEncodeError" => ("use UnicodeError", "请用 UnicodeError"),
        "RecursionError" => ("use RuntimeError", "请用 RuntimeError"),
        "mpython" => ("the board mpython has: --board mpython", "mpython 板有：--board mpython"),
        "bluetooth" | "btree" | "cryptolib" | "espnow" | "mip" | "uctypes" | "webrepl" | "websocket" => {
            ("a real one may have it, a virtual one has not", "真板可能有，虚拟板没有")
        }
        "esp" | "esp32" => ("the boards esp32 and mpython have", "esp32 和 mpython 板有"),
        "network" => ("the network is there without it", "不用它，网络已经可用"),
        "datetime" => ("time.localtime() gives the date", "用 time.localtime() 取日期"),
        "threading" => ("use asyncio or _thread", "请用 asyncio 或 _thread"),
        "logging" | "traceback" => ("print() or sys.print_exception() does", "请用 print() 或 sys.print_exception()"),
        "base64" => ("binascii.b2a_base64() does", "请用 binascii.b2a_base64()"),
        "urllib" | "http" => ("requests or urequests does", "请用 requests 或 urequests"),
        "subprocess" | "multiprocessing" => ("a board runs one program", "板子只运行一个程序"),
        "zfill" | "rjust" | "ljust" => ("'{:>5}'.format(x) pads", "用 '{:>5}'.format(x) 补齐"),
        "removeprefix" | "removesuffix" => ("use startswith() and a slice", "请用 startswith() 和切片"),
        "re.findall" | "re.finditer" => ("call re.search() in a loop", "请循环调用 re.search()"),
        "time.perf_counter" | "time.monotonic" | "time.process_time" => {
            ("use time.ticks_ms() and ticks_diff()", "请用 time.ticks_ms() 和 ticks_diff()")
        }
        "time.strftime" => ("format the tuple of time.localtime()", "请自行格式化 time.localtime() 的结果"),
        "socket.gethostbyname" => {
            ("socket.getaddrinfo(host, port)[0][-1] does", "请用 socket.getaddrinfo(host, port)[0][-1]")
        }
        "socket.create_connection" => ("make a socket and connect() it", "请创建套接字再 connect()"),
        "shutdown" => ("close() ends both directions", "用 close() 同时结束两个方向"),
        "getsockname" | "getpeername" => {
            ("accept() and recvfrom() give the address", "accept() 和 recvfrom() 会给出地址")
        }
        "recv_into" => ("readinto() does", "请用 readinto()"),
        "match" => ("use if and elif", "请用 if 和 elif"),
        "security" => ("leave it out: connect(ssid, password)", "去掉它：connect(ssid, password)"),
        "network.AUTH_PSK" => ("leave `security=` out", "去掉“security=”"),
        _ => return None,
    })
}
