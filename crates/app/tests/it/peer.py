"""The other end of a test's socket: python3 peer.py client|server tcp|udp|unix|unix-dgram PLACE [OWN]

Standard input goes to the peer and what the peer sends to standard output, both at once.
A stream is half-closed at the end of the input, and the end of the stream ends the program.
PLACE is a port of 127.0.0.1 or a path; a name after @ is in the abstract namespace, and \\xNN in it is a byte.
"""

import os
import re
import socket
import sys
import threading

FAMILIES = {
    "tcp": (socket.AF_INET, socket.SOCK_STREAM),
    "udp": (socket.AF_INET, socket.SOCK_DGRAM),
    "unix": (socket.AF_UNIX, socket.SOCK_STREAM),
    "unix-dgram": (socket.AF_UNIX, socket.SOCK_DGRAM),
}


def address(wire, place):
    if wire in ("tcp", "udp"):
        return "127.0.0.1", int(place)
    name = re.sub(rb"\\x(..)", lambda found: bytes.fromhex(found[1].decode()), place.encode())
    return b"\0" + name[1:] if name.startswith(b"@") else name


def copy_out(sock):
    while received := sock.recv(65536):
        while received:
            received = received[os.write(1, received):]
    os.close(1)


def copy_in(send, finish):
    while piece := os.read(0, 65536):
        send(piece)
    finish()


def main(role, wire, place, own=None):
    sock = socket.socket(*FAMILIES[wire])
    stream = FAMILIES[wire][1] == socket.SOCK_STREAM
    if own is not None:
        sock.bind(address(wire, own))
    first = b""
    if role == "client":
        sock.connect(address(wire, place))
    else:
        sock.bind(address(wire, place))
        if stream:
            sock.listen()
            sock = sock.accept()[0]
        else:
            first, peer = sock.recvfrom(65536)
            sock.connect(peer)
            os.write(1, first)
    finish = (lambda: sock.shutdown(socket.SHUT_WR)) if stream else (lambda: None)
    threading.Thread(target=copy_in, args=(sock.sendall, finish), daemon=True).start()
    copy_out(sock)


main(*sys.argv[1:])
