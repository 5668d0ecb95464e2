# The mPython board: its screen, lights, buttons, pads, sensors and Wi-Fi, by the names that lessons use.
import machine
import time
from machine import ADC, I2C, PWM, Pin, TouchPad
from neopixel import NeoPixel
from ssd1306 import SSD1306_I2C
from time import sleep, sleep_ms, sleep_us

i2c = I2C(0, scl=Pin(22), sda=Pin(23), freq=400000)


class PinMode:
    IN = 1
    OUT = 2
    PWM = 3
    ANALOG = 4
    OUT_DRAIN = 5


_PINS = (33, 32, 35, 34, 39, 0, 16, 17, 26, 25, 36, 2, None, 18, 19, 21, 5, None, None, 22, 23, None, None, 27, 14, 12, 13, 15, 4)


def numberMap(x, in_min, in_max, out_min, out_max):
    return (x - in_min) * (out_max - out_min) / (in_max - in_min) + out_min


class OLED(SSD1306_I2C):
    def __init__(self):
        super().__init__(128, 64, i2c)

    def DispChar(self, s, x, y, mode=1, auto_return=False):
        # Letters of 8 by 8 in lines of 16, wrapped at the edge where that is wanted.
        for c in s:
            if c == "\n" or (auto_return and x + 8 > self.width):
                x, y = 0, y + 16
                if c == "\n":
                    continue
            self.text(c, x, y + 4, 0 if mode in (0, 2) else 1)
            x += 8
        return x, y

    def DispChar_font(self, font, s, x, y, invert=False):
        return self.DispChar(s, x, y)


class Button:
    def __init__(self, pin_num, reverse=False):
        self._reverse = reverse
        self._pin = Pin(pin_num, Pin.IN, Pin.PULL_UP)
        self.event_pressed = self.event_released = None
        self._presses = 0
        self._watch()

    def _watch(self):
        self._pin.irq(handler=self._changed, trigger=Pin.IRQ_FALLING | Pin.IRQ_RISING)

    def _changed(self, pin):
        if self.is_pressed():
            self._presses += 1
        event = self.event_pressed if self.is_pressed() else self.event_released
        if event:
            event(pin)

    def is_pressed(self):
        return self._pin.value() == (1 if self._reverse else 0)

    def was_pressed(self):
        return self.get_presses() > 0

    def get_presses(self):
        presses, self._presses = self._presses, 0
        return presses

    def value(self):
        return self._pin.value()

    def status(self):
        return self._pin.value()

    def irq(self, *args, **kws):
        self._pin.irq(*args, **kws)


class Touch:
    def __init__(self, pin):
        self._pad = TouchPad(pin)
        self._limit = 400

    def config(self, threshold):
        self._limit = threshold

    def is_pressed(self):
        return self.read() < self._limit

    def read(self):
        return self._pad.read()


class _Analog:
    def __init__(self, pin):
        self._adc = ADC(Pin(pin), atten=ADC.ATTN_11DB)

    def read(self):
        return self._adc.read()


class Accelerometer:
    def get_x(self):
        return machine._acceleration(0) / 1000

    def get_y(self):
        return machine._acceleration(1) / 1000

    def get_z(self):
        return machine._acceleration(2) / 1000


class MPythonPin:
    def __init__(self, pin, mode=PinMode.IN, pull=None):
        if not 0 <= pin < len(_PINS) or _PINS[pin] is None:
            raise TypeError("Out of Pin range")
        self.id = _PINS[pin]
        self.mode = mode
        if mode == PinMode.IN:
            self.Pin = Pin(self.id, Pin.IN, pull)
        elif mode == PinMode.OUT:
            self.Pin = Pin(self.id, Pin.OUT)
        elif mode == PinMode.OUT_DRAIN:
            self.Pin = Pin(self.id, Pin.OPEN_DRAIN)
        elif mode == PinMode.PWM:
            self.pwm = PWM(Pin(self.id), duty=0)
        elif mode == PinMode.ANALOG:
            self.adc = ADC(Pin(self.id), atten=ADC.ATTN_11DB)
        else:
            raise TypeError("Invalid mode")

    def irq(self, handler=None, trigger=Pin.IRQ_RISING):
        return self.Pin.irq(handler, trigger)

    def read_digital(self):
        return self.Pin.value()

    def write_digital(self, value):
        self.Pin.value(value)

    def read_analog(self):
        return self.adc.read()

    def write_analog(self, duty, freq=1000):
        self.pwm.init(freq=freq, duty=duty)


class wifi:
    def __init__(self):
        import network

        self.sta = network.WLAN(network.STA_IF)
        self.ap = network.WLAN(network.AP_IF)
        self._no_such_network = network.STAT_NO_AP_FOUND

    def connectWiFi(self, ssid, passwd, timeout=10):
        if self.sta.isconnected():
            self.sta.disconnect()
        self.sta.active(True)
        self.sta.connect(ssid, passwd)
        start = time.ticks_ms()
        while not self.sta.isconnected():
            # Which networks there are, a scan does not always know here: joining does.
            if self.sta.status() == self._no_such_network:
                raise OSError("SSID invalid")
            if time.ticks_diff(time.ticks_ms(), start) > timeout * 1000:
                raise OSError("Timeout!!! check your wifi password and keep your network unblocked")
            sleep_ms(100)
        print("WiFi(%s) connected, Config:%s" % (ssid, self.sta.ifconfig()))

    def disconnectWiFi(self):
        if self.sta.isconnected():
            self.sta.disconnect()
        self.sta.active(False)
        print("disconnect WiFi...")

    def enable_APWiFi(self, essid, password=b"", channel=10):
        self.ap.active(True)
        if password:
            self.ap.config(essid=essid, authmode=4, password=password, channel=channel)
        else:
            self.ap.config(essid=essid, authmode=0, channel=channel)

    def disable_APWiFi(self):
        self.ap.active(False)
        print("disable AP WiFi...")


oled = OLED()
rgb = NeoPixel(Pin(17, Pin.OUT), 3)
button_a = Button(0)
button_b = Button(2)
touchpad_p, touchpad_y, touchpad_t = Touch(Pin(27)), Touch(Pin(14)), Touch(Pin(12))
touchpad_h, touchpad_o, touchpad_n = Touch(Pin(13)), Touch(Pin(15)), Touch(Pin(4))
touchPad_P, touchPad_Y, touchPad_T = touchpad_p, touchpad_y, touchpad_t
touchPad_H, touchPad_O, touchPad_N = touchpad_h, touchpad_o, touchpad_n
light = _Analog(39)
sound = _Analog(36)
accelerometer = Accelerometer()
