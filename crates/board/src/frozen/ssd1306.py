# A display of 128 by 64 pixels, or fewer, that is drawn on as a FrameBuffer.
import framebuf


class SSD1306(framebuf.FrameBuffer):
    def __init__(self, width, height, external_vcc):
        self.width = width
        self.height = height
        self.external_vcc = external_vcc
        self.pages = height // 8
        self.buffer = bytearray(self.pages * width)
        super().__init__(self.buffer, width, height, framebuf.MONO_VLSB)
        self.init_display()

    def init_display(self):
        wide = self.width > 2 * self.height
        pump = 0x10 if self.external_vcc else 0x14
        for command in (0xAE, 0x20, 0, 0x40, 0xA1, 0xA8, self.height - 1, 0xC8, 0xD3, 0, 0xDA, 0x02 if wide else 0x12):
            self.write_cmd(command)
        for command in (0xD5, 0x80, 0xD9, 0xF1, 0xDB, 0x30, 0x81, 0xFF, 0xA4, 0xA6, 0x8D, pump):
            self.write_cmd(command)
        self.fill(0)
        self.show()
        self.poweron()

    def poweroff(self):
        self.write_cmd(0xAE)

    def poweron(self):
        self.write_cmd(0xAF)

    def contrast(self, contrast):
        self.write_cmd(0x81)
        self.write_cmd(contrast)

    def invert(self, invert):
        self.write_cmd(0xA7 if invert else 0xA6)

    def rotate(self, rotate):
        self.write_cmd(0xC8 if rotate else 0xC0)
        self.write_cmd(0xA1 if rotate else 0xA0)

    def show(self):
        # A narrow display is in the middle of the chip's memory.
        first = (128 - self.width) // 2
        for command in (0x21, first, first + self.width - 1, 0x22, 0, self.pages - 1):
            self.write_cmd(command)
        self.write_data(self.buffer)


class SSD1306_I2C(SSD1306):
    def __init__(self, width, height, i2c, addr=0x3C, external_vcc=False):
        self.i2c = i2c
        self.addr = addr
        super().__init__(width, height, external_vcc)

    def write_cmd(self, cmd):
        self.i2c.writeto(self.addr, bytes((0x80, cmd)))

    def write_data(self, buf):
        self.i2c.writevto(self.addr, (b"\x40", buf))


class SSD1306_SPI(SSD1306):
    def __init__(self, width, height, spi, dc, res, cs, external_vcc=False):
        self.spi, self.dc, self.res, self.cs = spi, dc, res, cs
        for pin, level in ((dc, 0), (res, 1), (cs, 1)):
            pin.init(pin.OUT, value=level)
        super().__init__(width, height, external_vcc)

    def _write(self, dc, buf):
        self.cs(1)
        self.dc(dc)
        self.cs(0)
        self.spi.write(buf)
        self.cs(1)

    def write_cmd(self, cmd):
        self._write(0, bytes((cmd,)))

    def write_data(self, buf):
        self._write(1, buf)
