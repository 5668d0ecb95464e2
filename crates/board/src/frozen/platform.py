# What the firmware says of itself and of its making.
import sys


def platform():
    return "MicroPython-" + ".".join(str(part) for part in sys.implementation.version[:3]) + "-" + sys.platform


def python_compiler():
    return "GCC 14.2.0"


def libc_ver():
    return ("newlib", "4.3.0")
