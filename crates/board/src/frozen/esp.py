# What the vendor's library has besides: little that a virtual board has a use for.
import machine

LOG_NONE, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_VERBOSE = range(6)


def osdebug(uart, level=LOG_ERROR):
    pass


def flash_size():
    return 4194304


def flash_user_start():
    return 0x200000


def gpio_matrix_in(pin, sig, inv=0):
    pass


def gpio_matrix_out(pin, sig, out_inv=0, oen_inv=0):
    pass


def neopixel_write(pin, grb_buf, is800k=True):
    machine.bitstream(pin, 0, 0, grb_buf)
