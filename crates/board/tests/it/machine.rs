//! The rest of the hardware: timers, converters, buses, the clock.

use socklab_board::link::{End, FromBoard, Sensor, ToBoard};

use crate::support::{Board, printed, printed_by};

#[test]
fn a_timer_calls_in_a_busy_loop_in_a_sleep_and_while_input_waits() {
    for idle in ["while True: pass", "import time\ntime.sleep(1000)", "input()"] {
        let program = format!(
            "from machine import Timer\ndef tick(t):\n    print('tick', t)\nt = Timer(0)\nt.init(period=5, mode=Timer.PERIODIC, callback=tick)\n{idle}"
        );
        let mut board = Board::start("esp32", &[("main.py", &program)]);
        for _ in 0..3 {
            board.until("tick Timer(0, mode=PERIODIC, period=5)\r\n");
        }
        board.tell(ToBoard::Interrupt);
        assert_eq!(board.raised().class, "KeyboardInterrupt");
    }
}

#[test]
fn one_shot_is_once_and_what_a_callback_raises_stops_nothing() {
    let program = "from machine import Timer
import time
calls = []
def call(t):
    calls.append(t)
    1/0
t = Timer(-1)
t.init(period=2, mode=Timer.ONE_SHOT, callback=call)
while not calls: pass
time.sleep_ms(10)
print(len(calls), calls[0] is t)
t.init(freq=500, callback=lambda t: calls.append(t))
while len(calls) < 5: pass
t.deinit()
n = len(calls)
time.sleep_ms(10)
print(len(calls) == n)
try:
    Timer(9)
except ValueError as e:
    print(e)";
    let text = printed(program);
    assert!(text.contains("ZeroDivisionError: divide by zero\r\n"), "{text}");
    assert!(text.ends_with("1 True\r\nTrue\r\nTimer(9) doesn't exist\r\n"), "{text}");
}

#[test]
fn no_callback_begins_while_they_are_held_off() {
    let program = "import machine, micropython
calls = []
state = machine.disable_irq()
for i in range(8):
    micropython.schedule(calls.append, i)
try:
    micropython.schedule(calls.append, 8)
except RuntimeError as e:
    print(e, calls)
machine.enable_irq(state)
print(calls)";
    assert_eq!(printed(program), "schedule queue full []\r\n[0, 1, 2, 3, 4, 5, 6, 7]\r\n");
}

#[test]
fn a_voltage_is_a_number_of_so_many_bits() {
    let program = "from machine import ADC, Pin
adc = ADC(Pin(34))
print('ready')
input()
adc.atten(ADC.ATTN_11DB)
print(adc.read(), adc.read_u16(), adc.read_uv())
adc.width(ADC.WIDTH_10BIT)
print(adc.read())
ADC(Pin(5))";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    board.until("ready\r\n");
    board.tell(ToBoard::SetAdc { pin: 34, microvolts: 1_650_000 });
    board.type_in("\r");
    assert_eq!(board.raised().class, "ValueError");
    assert!(board.output.contains("2048 32768 1650000\r\n512\r\n"), "{}", board.output);
}

#[test]
fn the_clock_can_be_set_and_time_follows() {
    let program = "from machine import RTC
import time
RTC().datetime((2024, 2, 29, 0, 12, 30, 15, 0))
now = RTC().datetime()
print(now[:7], time.time() - 762525015 < 5)";
    assert_eq!(printed(program), "(2024, 2, 29, 3, 12, 30, 15) True\r\n");
}

#[test]
fn a_serial_port_has_its_other_end_outside() {
    let program = "from machine import UART
u = UART(2, 9600, tx=17, rx=16, timeout=20000)
u.write('AT\\r\\n')
print(u.readline(), u.any() >= 0, u)";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    assert_eq!(board.next(), FromBoard::Serial { port: 2, bytes: b"AT\r\n".to_vec() });
    board.tell(ToBoard::Serial { port: 2, bytes: b"OK\r\n".to_vec() });
    board.until("b'OK\\r\\n' True UART(2, baudrate=9600, bits=8, parity=None, stop=1)\r\n");
}

#[test]
fn a_device_that_is_not_there_is_an_error() {
    let program = "from machine import I2C, SoftI2C, SPI, Pin
i2c = I2C(0, scl=Pin(22), sda=Pin(21), freq=400000)
print(i2c, i2c.scan(), SoftI2C(scl=Pin(22), sda=Pin(21)).scan())
try:
    i2c.writeto(0x50, b'x')
except OSError as e:
    print(e)
print(SPI(1, baudrate=80000000).read(2))";
    let expected = "I2C(0, scl=Pin(22), sda=Pin(21), freq=400000) [60] [60]\r\n[Errno 19] ENODEV\r\nb'\\x00\\x00'\r\n";
    assert_eq!(printed(program), expected);
}

#[test]
fn sleep_and_watchdog_end_in_a_reset() {
    for (program, expected) in [
        (
            "import machine\nprint(machine.reset_cause(), len(machine.unique_id()))\nmachine.deepsleep(5)",
            End::DeepSleep,
        ),
        ("import machine\nw = machine.WDT(timeout=5)\nw.feed()\nwhile True: pass", End::Watchdog),
    ] {
        assert_eq!(Board::start("esp32", &[("main.py", program)]).end(), expected);
    }
}

#[test]
fn an_echo_takes_as_long_as_the_outside_says() {
    let program = "from machine import Pin, time_pulse_us\nprint('ready')\ninput()\nprint(time_pulse_us(Pin(5, Pin.IN), 1, 30000), time_pulse_us(Pin(6), 1, 100))";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    board.until("ready");
    board.tell(ToBoard::SetSensor { sensor: Sensor::Pulse(5), value: 580 });
    board.type_in("\r");
    board.until("580 -2\r\n");
}

#[test]
fn memory_remembers_and_is_aligned() {
    let program = "import machine
machine.mem32[0x3ff44004] = 0x01020304
print(machine.mem8, hex(machine.mem16[0x3ff44006]), machine.mem8[0x3ff44004])
machine.mem16[1]";
    let text = printed(program);
    assert!(text.starts_with("<8-bit memory> 0x102 4\r\n"), "{text}");
    assert!(text.contains("ValueError: address 00000001 is not aligned to 2 bytes"), "{text}");
}

#[test]
fn canmv_has_its_own_ways() {
    let program = "from machine import FPIOA, Pin, Timer
f = FPIOA()
f.set_function(52, FPIOA.GPIO52)
print(f.get_pin_num(FPIOA.GPIO52))
led = Pin(52, Pin.OUT, pull=Pin.PULL_NONE, drive=7)
t = Timer(-1)
t.init(mode=Timer.ONE_SHOT, period=1, callback=print, arg='tick')
input()";
    let mut board = Board::start("k230", &[("main.py", program)]);
    board.until("52\r\n");
    board.until("tick\r\n");
}

/// As on the chips: some pins cannot drive, and not every board has what an ESP32 has.
#[test]
fn what_a_chip_cannot_do_is_refused() {
    let program = "from machine import ADC, PWM, Pin
for make in lambda: Pin(34, Pin.OUT), lambda: PWM(Pin(35)), lambda: Pin(36, Pin.IN):
    try:
        print(make())
    except ValueError as e:
        print(e)
print(hasattr(PWM, 'duty'), hasattr(ADC, 'read'), hasattr(ADC, 'CORE_TEMP'))";
    assert_eq!(printed(program), "pin can only be input\r\npin can only be input\r\nPin(36)\r\nTrue True False\r\n");
    let program = "import machine
from machine import ADC, PWM
print(hasattr(PWM, 'duty'), hasattr(PWM, 'duty_u16'), hasattr(ADC, 'read'), hasattr(ADC, 'read_u16'))
print(hasattr(ADC, 'ATTN_11DB'), hasattr(ADC, 'CORE_TEMP'), hasattr(machine, 'TouchPad'))
help('modules')";
    let mut pico = Board::start("rp2", &[("main.py", program)]);
    pico.end();
    assert!(pico.output.starts_with("False True False True\r\nFalse True False\r\n"), "{}", pico.output);
    assert!(pico.output.contains("_thread") && !pico.output.contains("esp32"), "{}", pico.output);
}

#[test]
fn a_pico_has_two_ports_two_buses_and_a_short_watchdog() {
    let program = "from machine import I2C, UART, WDT
import rp2
for make in (lambda: UART(2), lambda: I2C(9), lambda: WDT(timeout=9000), lambda: UART(1).any(), lambda: I2C(1).scan()):
    try:
        print(make())
    except ValueError as e:
        print(e)
print(rp2.bootsel_button(), rp2.country('CN'))";
    let expected = "UART(2) doesn't exist\r\nI2C(9) doesn't exist\r\ntimeout exceeds 8388\r\n0\r\n";
    let text = printed_by("rp2", program);
    assert!(text.starts_with(expected) && text.lines().last().is_some_and(|last| last.starts_with("0 ")), "{text}");
    let esp32 = "from machine import UART, WDT\nprint(UART(2).any(), WDT(timeout=9000) is not None)\nUART(3)";
    let text = printed(esp32);
    assert!(text.starts_with("0 True\r\n") && text.ends_with("ValueError: UART(3) does not exist\r\n"), "{text}");
}
