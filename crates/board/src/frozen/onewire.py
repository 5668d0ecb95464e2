# The one-wire bus: finding devices, and bytes to and from them.
import _onewire


class OneWireError(Exception):
    pass


class OneWire:
    SEARCH_ROM = 0xF0
    MATCH_ROM = 0x55
    SKIP_ROM = 0xCC

    def __init__(self, pin):
        self.pin = pin

    def reset(self, required=False):
        present = _onewire.reset(self.pin)
        if required and not present:
            raise OneWireError
        return present

    def readbit(self):
        return _onewire.readbit(self.pin)

    def readbyte(self):
        return _onewire.readbyte(self.pin)

    def readinto(self, buf):
        for i in range(len(buf)):
            buf[i] = self.readbyte()

    def writebit(self, value):
        _onewire.writebit(self.pin, value)

    def writebyte(self, value):
        _onewire.writebyte(self.pin, value)

    def write(self, buf):
        for byte in buf:
            self.writebyte(byte)

    def select_rom(self, rom):
        self.reset()
        self.writebyte(self.MATCH_ROM)
        self.write(rom)

    def crc8(self, data):
        return _onewire.crc8(data)

    def scan(self):
        # One walk down the tree of addresses for each device; forks not yet taken wait in the list.
        found = []
        forks = [()]
        while forks:
            rom = self._walk(forks.pop(), forks)
            if rom and self.crc8(rom[:7]) == rom[7]:
                found.append(rom)
        return found

    def _walk(self, path, forks):
        if not self.reset():
            return None
        self.writebyte(self.SEARCH_ROM)
        bits = []
        for i in range(64):
            one, zero = self.readbit(), self.readbit()
            if one and zero:
                return None
            if i < len(path):
                bit = path[i]
            else:
                bit = one
                if not one and not zero:
                    forks.append(tuple(bits) + (1,))
            self.writebit(bit)
            bits.append(bit)
        return bytearray(sum(bits[i * 8 + j] << j for j in range(8)) for i in range(8))
