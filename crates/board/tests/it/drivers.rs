//! Drivers of the firmware, and what of them is seen outside.

use socklab_board::link::{FromBoard, Sensor, ToBoard};

use crate::support::{Board, printed};

/// Frames of a program that are not output, to its end.
fn told(profile: &str, program: &str) -> (Vec<FromBoard>, String) {
    let mut board = Board::start(profile, &[("main.py", program)]);
    let mut frames = Vec::new();
    loop {
        match board.next() {
            FromBoard::Ended(end) => {
                let text = format!("{}{end:?}", board.output);
                return (frames, text);
            }
            FromBoard::Output(_) => {}
            frame => frames.push(frame),
        }
    }
}

#[test]
fn a_display_shows_what_was_drawn() {
    let program = "from machine import Pin, SoftI2C
from ssd1306 import SSD1306_I2C
oled = SSD1306_I2C(128, 64, SoftI2C(scl=Pin(22), sda=Pin(21)))
oled.pixel(0, 0, 1)
oled.hline(120, 63, 8, 1)
oled.show()";
    let (frames, text) = told("esp32", program);
    let Some(FromBoard::Display { width: 128, height: 64, bits }) = frames.last() else { panic!("{text}") };
    let lit: Vec<_> = (0..).zip(bits).filter(|(_, byte)| **byte != 0).collect();
    assert_eq!(lit, [(0, &0x80), (1023, &0xff)], "{text}");
}

#[test]
fn letters_are_drawn() {
    let program = "import framebuf
buf = bytearray(8)
framebuf.FrameBuffer(buf, 8, 8, framebuf.MONO_HLSB).text('T', 0, 0)
print(buf[0] != 0, buf[1] == buf[6] != 0, buf[7])";
    assert_eq!(printed(program), "True True 0\r\n");
}

#[test]
fn a_strip_of_lights_is_told_in_its_colours() {
    let program = "from machine import Pin\nimport neopixel\nfor bpp in (3, 4):\n    n = neopixel.NeoPixel(Pin(4), 2, bpp)\n    n[1] = (1, 2, 3, 4)[:bpp]\n    n.write()";
    let (frames, text) = told("esp32", program);
    let lights = |white| FromBoard::Lights { pin: 4, colours: vec![[0; 4], [1, 2, 3, white]] };
    assert_eq!(frames, [lights(0), lights(4)], "{text}");
}

#[test]
fn thermometers_measure_what_the_outside_says() {
    let program = "import dht, onewire, ds18x20
from machine import Pin
print('ready')
input()
for kind in (dht.DHT11, dht.DHT22):
    d = kind(Pin(4))
    d.measure()
    print(d.temperature(), d.humidity())
d = ds18x20.DS18X20(onewire.OneWire(Pin(5)))
roms = d.scan()
d.convert_temp()
print(len(roms), d.read_temp(roms[0]))";
    let mut board = Board::start("esp32", &[("main.py", program)]);
    board.until("ready");
    for (sensor, value) in
        [(Sensor::Temperature(4), 21_500), (Sensor::Humidity(4), 60_100), (Sensor::Temperature(5), -10_125)]
    {
        board.tell(ToBoard::SetSensor { sensor, value });
    }
    board.type_in("\r");
    board.until("21 60\r\n21.5 60.1\r\n1 -10.125\r\n");
}

#[test]
fn values_stay_in_the_flash() {
    let program = "from esp32 import NVS
n = NVS('a b')
n.set_i32('x', -5)
n.set_blob('y', b'\\x00z')
n.commit()
n = NVS('a b')
buf = bytearray(4)
print(n.get_i32('x'), n.get_blob('y', buf), buf)
try:
    n.get_i32('no')
except OSError as e:
    print(e.errno)";
    assert_eq!(printed(program), "-5 2 bytearray(b'\\x00z\\x00\\x00')\r\n-4354\r\n");
}

#[test]
fn the_mpython_board_has_its_parts() {
    let program = "from mpython import *
oled.DispChar('hi', 0, 0)
oled.show()
rgb[0] = (9, 8, 7)
rgb.write()
print(button_a.value(), touchpad_p.is_pressed(), light.read(), accelerometer.get_z(), numberMap(5, 0, 10, 0, 100))
p = MPythonPin(8, PinMode.OUT)
p.write_digital(1)";
    let (frames, text) = told("mpython", program);
    assert!(text.starts_with("1 False 0 1.0 50.0\r\n"), "{text}");
    assert!(matches!(frames.last(), Some(FromBoard::Pin { pin: 26, high: true })), "{frames:?}");
}
