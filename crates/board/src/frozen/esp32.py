# The ESP32's own: values that stay in the flash, and what wakes the chip.
import binascii

WAKEUP_ALL_LOW = False
WAKEUP_ANY_HIGH = True
HEAP_DATA = 4
HEAP_EXEC = 1

_FILE = "/.nvs"
_NOT_FOUND = -4354


def _load():
    # A line for each value: namespace, key, kind, value in hexadecimal.
    try:
        with open(_FILE) as f:
            rows = [line.split() for line in f]
    except OSError:
        return {}
    return {(row[0], row[1], row[2]): row[3] if len(row) > 3 else "" for row in rows}


class NVS:
    def __init__(self, namespace):
        self._name = binascii.hexlify(namespace.encode()).decode()
        self._set = {}

    def _key(self, key, kind):
        return self._name, binascii.hexlify(key.encode()).decode(), kind

    def _find(self, key, kind):
        key = self._key(key, kind)
        value = self._set[key] if key in self._set else _load().get(key)
        if value is None:
            raise OSError(_NOT_FOUND, "ESP_ERR_NVS_NOT_FOUND")
        return value

    def set_i32(self, key, value):
        self._set[self._key(key, "i")] = str(int(value))

    def get_i32(self, key):
        return int(self._find(key, "i"))

    def set_blob(self, key, value):
        value = value.encode() if isinstance(value, str) else value
        self._set[self._key(key, "b")] = binascii.hexlify(value).decode()

    def get_blob(self, key, buf):
        value = binascii.unhexlify(self._find(key, "b"))
        if len(value) > len(buf):
            raise OSError(-4364, "ESP_ERR_NVS_INVALID_LENGTH")
        buf[: len(value)] = value
        return len(value)

    def erase_key(self, key):
        found = [self._key(key, kind) for kind in "ib"]
        stored = _load()
        if not any(k in stored or self._set.get(k) is not None for k in found):
            raise OSError(_NOT_FOUND, "ESP_ERR_NVS_NOT_FOUND")
        for k in found:
            self._set[k] = None

    def commit(self):
        stored = _load()
        stored.update(self._set)
        self._set = {}
        with open(_FILE, "w") as f:
            for key in stored:
                if stored[key] is not None:
                    f.write("%s %s %s %s\n" % (key + (stored[key],)))


def raw_temperature():
    return 128


def mcu_temperature():
    return 53


def wake_on_ext0(pin, level):
    pass


def wake_on_ext1(pins, level):
    pass


def wake_on_touch(wake):
    pass


def wake_on_gpio(pins, level):
    pass


def gpio_deep_sleep_hold(enable):
    pass


def idf_heap_info(capabilities):
    return [(16384, 13036, 7168, 12896), (122880, 81764, 65536, 80416)]
