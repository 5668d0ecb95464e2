//! Pins, seen and set from outside.

use socklab_board::link::{FromBoard, ToBoard};

use crate::support::{Board, printed, printed_by};

#[test]
fn what_the_board_drives_is_told() {
    let program = "from machine import Pin\np = Pin(2, Pin.OUT, value=1)\np.toggle()\nPin(2).on()\nprint(p.value(), p)";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    for high in [true, false, true] {
        assert_eq!(board.next(), FromBoard::Pin { pin: 2, high });
    }
    board.until("1 Pin(2)\r\n");
}

#[test]
fn what_the_outside_gives_is_read() {
    let program = "from machine import Pin\nimport time\np = Pin(0, Pin.IN)\nprint('ready')\nwhile not p.value(): pass\nprint('on')";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    board.until("ready");
    board.tell(ToBoard::SetPin { pin: 0, high: true });
    board.until("on");
}

#[test]
fn a_pin_that_is_not_there_is_refused() {
    assert!(printed("from machine import Pin\nPin(99)").ends_with("ValueError: invalid pin\r\n"));
}

#[test]
fn only_a_pico_has_pins_called_gp() {
    let program = "from machine import Pin\nfor name in ('GP15', 'GPIO15', '15', 'GPIOGP15'):
    try:\n        print(Pin(name, Pin.IN).value())\n    except ValueError as e:\n        print(e)";
    for (board, expected) in [
        ("rp2", "0\r\n0\r\ninvalid pin\r\ninvalid pin\r\n"),
        ("esp32", "invalid pin\r\n0\r\ninvalid pin\r\ninvalid pin\r\n"),
        ("k230", "invalid pin\r\n0\r\ninvalid pin\r\ninvalid pin\r\n"),
    ] {
        assert_eq!(printed_by(board, program), expected, "{board}");
    }
}

#[test]
fn an_edge_from_outside_calls_the_handler_and_a_pull_is_a_level() {
    let program = "from machine import Pin
def edge(pin):
    print('edge', pin, pin.value())
p = Pin(0, Pin.IN, Pin.PULL_UP)
p.irq(handler=edge, trigger=Pin.IRQ_FALLING)
print('ready', p.value())
while True: pass";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    board.until("ready 1\r\n");
    board.tell(ToBoard::SetPin { pin: 0, high: false });
    board.until("edge Pin(0) 0\r\n");
    board.tell(ToBoard::SetPin { pin: 0, high: true });
    board.tell(ToBoard::SetPin { pin: 0, high: false });
    // The handler sees the pin as it is when its turn comes: low, before anything changes that again.
    board.until("edge Pin(0) 0\r\n");
}

#[test]
fn a_picos_light_has_a_name() {
    let program = "from machine import Pin, Signal
led = Pin('LED', Pin.OUT)
s = Signal(led, invert=True)
s.off()
print(led, led.value(), Pin('GP15').value(), s.value())";
    let mut board = Board::start("rp2", &[("main.py", program)]);
    board.until("Pin(EXT_GPIO0, mode=OUT) 1 0 0\r\n");
}

#[test]
fn a_wave_is_told() {
    let program = "from machine import Pin, PWM
p = PWM(Pin(4), freq=1000, duty=512)
print(p, p.duty_u16(), p.duty_ns())
p.duty(1023)
p.deinit()";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    let mut waves = Vec::new();
    loop {
        match board.next() {
            FromBoard::Pwm { pin: 4, frequency, duty } => waves.push((frequency, duty)),
            FromBoard::Ended(_) => break,
            _ => {}
        }
    }
    assert_eq!(waves, [(1000, 32799), (1000, 65535), (0, 0)]);
    assert_eq!(board.output, "PWM(Pin(4), freq=1000, duty=512) 32799 500480\r\n");
}

/// A program's own class over a part of the board has the arguments that it likes.
#[test]
fn parts_can_be_derived_from() {
    let program = "from machine import Pin, Signal, Timer
class Led(Pin):
    def __init__(self, name, number=2):
        self.name = name
        super().__init__(number, Pin.OUT, value=1)
    def off(self):
        print(self.name, 'goes out')
        super().off()
class Lamp(Signal):
    def __init__(self):
        super().__init__(Led('lamp', 4), invert=True)
class Beat(Timer):
    def __init__(self, count):
        super().__init__(-1)
        self.count = count
        self.init(period=1, callback=self.beat)
    def beat(self, timer):
        self.count -= 1
        if not self.count:
            self.deinit()
class Empty(Pin):
    def __init__(self):
        pass
led = Led('red')
print(led.value(), led, Pin(2).value(), isinstance(led, Pin))
led.off()
print(Pin(led).value(), Lamp().value())
beat = Beat(3)
while beat.count: pass
try:
    Empty().on()
except AttributeError as e:
    print(e)";
    let said = "1 Pin(2) 1 True\r\nred goes out\r\n0 0\r\ncall super().__init__() first\r\n";
    assert_eq!(printed(program), said);
}

/// The buses and what measures too; what came before their `__init__` says so.
#[test]
fn all_parts_can_be_derived_from() {
    let program = "from machine import ADC, I2C, PWM, SPI, UART, Pin, SoftI2C, SoftSPI, TouchPad
class Servo(PWM):
    def __init__(self, angle, pin=4):
        super().__init__(pin, freq=50, duty_u16=0)
        self.turn(angle)
    def turn(self, angle):
        self.duty_u16(1638 + 6553 * angle // 180)
class Gauge(ADC):
    def __init__(self):
        super().__init__(Pin(34), atten=ADC.ATTN_11DB)
class Gps(UART):
    def __init__(self, name):
        super().__init__(2, 9600, timeout=10)
        self.name = name
class Bus(I2C):
    def __init__(self, scl):
        super().__init__(0, scl=Pin(scl), sda=Pin(21))
class Thin(SoftI2C):
    def __init__(self, pins):
        super().__init__(Pin(pins[0]), Pin(pins[1]))
class Shift(SPI):
    def __init__(self, rate):
        super().__init__(2, rate)
class SoftShift(SoftSPI):
    def __init__(self, rate):
        super().__init__(rate)
class Pad(TouchPad):
    def __init__(self):
        super().__init__(Pin(4))
servo = Servo(90)
print(servo.duty_u16(), servo.freq(), isinstance(servo, PWM))
servo.deinit()
print(Gauge(), Gauge().read(), Gps('north'), Gps('south').any(), Pad().read())
print(Bus(22).scan(), Thin((22, 21)).scan(), Shift(1000), SoftShift(2000))
for base, use in ((PWM, PWM.freq), (ADC, ADC.read), (UART, UART.any), (I2C, repr), (SPI, repr), (TouchPad, TouchPad.read)):
    class Empty(base):
        def __init__(self): pass
    try:
        use(Empty())
    except AttributeError as e:
        print(base.__name__, e)
class SoftI2C(I2C): pass
print(SoftI2C(0), SPI(id=1))
servo = PWM(5)
try:
    servo.__init__(13, freq=-5)
except ValueError:
    print(servo)";
    let first = "super().__init__() first\r\n";
    let empty: String =
        ["PWM", "ADC", "UART", "I2C", "SPI", "TouchPad"].map(|name| format!("{name} call {first}")).concat();
    let said = format!(
        "4914 50 True\r\nADC(Pin(34), atten=3) 0 UART(2, baudrate=9600, bits=8, parity=None, stop=1) 0 700\r\n\
         [60] [60] Shift(id=2, baudrate=1000, polarity=0, phase=0) SoftShift(baudrate=2000, polarity=0, phase=0)\r\n\
         {empty}SoftI2C(0) SPI(id=1, baudrate=1000000, polarity=0, phase=0)\r\nPWM(Pin(5), freq=5000, duty=512)\r\n"
    );
    assert_eq!(printed(program), said);
}

#[test]
fn what_a_part_cannot_be_made_of_is_refused() {
    for (wrong, why) in [
        ("PWM(34)", "pin can only be input"),
        ("SoftI2C()", "'scl' argument required"),
        ("SoftI2C(Pin(22))", "'sda' argument required"),
        ("SoftI2C(99, 98)", "invalid pin"),
        ("SoftI2C(0, scl=Pin(22), sda=Pin(21))", ""),
        ("I2C(7)", "I2C(7) doesn't exist"),
        ("I2C('x')", ""),
        ("I2C(Pin(22), Pin(21))", "extra positional arguments given"),
        ("I2C(0, frq=5)", "extra keyword arguments given"),
        ("SPI()", "'id' argument required"),
        ("SPI(0)", "SPI(0) doesn't exist"),
        ("SPI(-1)", "SPI(-1) doesn't exist"),
        ("SPI(1, baudrte=5)", "extra keyword arguments given"),
        ("SoftSPI(sck=99)", "invalid pin"),
        ("ADC(34, attn=3)", "extra keyword arguments given"),
        ("ADC(34, atten=9)", "invalid atten"),
        ("UART(1, bits=99)", "invalid data bits"),
        ("UART(1, tx=99)", "invalid pin"),
    ] {
        let program = format!(
            "from machine import ADC, I2C, PWM, SPI, UART, Pin, SoftI2C, SoftSPI
try:
    {wrong}
except (TypeError, ValueError) as e:
    print('refused', e)"
        );
        let said = printed(&program);
        assert!(said.starts_with("refused ") && said.contains(why), "{wrong}: {said}");
    }
    let right = "from machine import I2C, SPI, Pin, SoftI2C, SoftSPI
print(SoftI2C(Pin(22), sda=Pin(21), freq=400000), I2C(), I2C(id=1), SPI(2, 5000000, polarity=1), SoftSPI())";
    assert_eq!(printed_by("rp2", "from machine import I2C; print(I2C(0, 400000))"), "I2C(0, freq=400000)\r\n");
    let said = "SoftI2C(scl=Pin(22), sda=Pin(21), freq=400000) I2C() I2C(1) SPI(id=2, baudrate=5000000, polarity=1, phase=0) \
                SoftSPI(baudrate=1000000, polarity=0, phase=0)\r\n";
    assert_eq!(printed(right), said);
}

/// What an object was before a second `__init__` is over with it.
#[test]
fn a_second_init_leaves_nothing_of_the_first() {
    let program = "from machine import Pin, Signal, Timer
import time
ticks = []
timer = Timer(-1, period=1, callback=lambda t: ticks.append(1))
while not ticks: pass
timer.__init__(-1)
print('goes on', timer)
timer.__init__(0, mode=Timer.ONE_SHOT, period=1, callback=lambda t: ticks.append('once'))
while 'once' not in ticks: pass
count = len(ticks)
time.sleep_ms(30)
print(len(ticks) - count, ticks[-1])
own = Signal(Pin(2))
own.__init__(own)
try:
    own.on()
except RuntimeError as e:
    print(e)";
    let said = "goes on Timer(-1, mode=PERIODIC, period=1)\r\n0 once\r\nmaximum recursion depth exceeded\r\n";
    assert_eq!(printed(program), said);
}
