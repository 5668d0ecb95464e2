# Two boards over UDP, this one has the lamp: it obeys the board that runs two_boards_button.py.
# 两块板子用 UDP 通信，这块板子有灯：听从运行 two_boards_button.py 的板子。
#
#   socklab run examples/boards/two_boards_lamp.py --board esp32 --net host
#   socklab run examples/boards/two_boards_button.py --board mpython --net host   (in another terminal / 在另一个终端)

import network
import socket
import time
from machine import Pin

PORT = 10002

led = Pin(2, Pin.OUT)

wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected():
    time.sleep_ms(100)

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", PORT))
print("lamp at / 灯的地址", wlan.ifconfig()[0], PORT)
while True:
    data, addr = s.recvfrom(16)
    if data == b"toggle":
        led.value(not led.value())
        state = b"on" if led.value() else b"off"
        print("lamp / 灯:", state.decode())
        s.sendto(state, addr)  # so that the other board knows / 让对方知道结果
