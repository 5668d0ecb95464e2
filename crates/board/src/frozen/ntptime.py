# The time of day from the network.
import socket
import struct

host = "pool.ntp.org"
timeout = 1
_port = 123


def time():
    # Seconds since the board's epoch: 1970, or 2000.
    import time as clock

    query = bytearray(48)
    query[0] = 0x1B
    addr = socket.getaddrinfo(host, _port)[0][-1]
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        s.settimeout(timeout)
        s.sendto(query, addr)
        answer = s.recv(48)
    finally:
        s.close()
    seconds = struct.unpack("!I", answer[40:44])[0]
    # NTP counts from 1900, and began again at 0 in 2036.
    if seconds < 3913056000:
        seconds += 0x100000000
    return seconds - (3155673600 if clock.gmtime(0)[0] == 2000 else 2208988800)


def settime():
    import machine
    import time as clock

    t = clock.gmtime(time())
    machine.RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))
