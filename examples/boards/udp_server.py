# A UDP server on the board: answers each datagram, and a lamp obeys "on" and "off".
# 板子上的 UDP 服务器：应答每个数据报；收到 on 或 off 时控制 LED。
#
#   socklab run examples/boards/udp_server.py --board esp32 --net host
#   socklab send udp://127.0.0.1:10001 on -w 1                            (in another terminal / 在另一个终端)

import network
import socket
import time
from machine import Pin

PORT = 10001

led = Pin(2, Pin.OUT)

wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected():
    time.sleep_ms(100)

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", PORT))
print("waiting on UDP port / 等待 UDP 端口", PORT)

while True:
    data, addr = s.recvfrom(256)  # one datagram and who sent it / 一个数据报及其来源
    text = data.decode().strip()
    print(addr, text)
    if text in ("on", "off"):
        led.value(text == "on")
        s.sendto(b"lamp " + data, addr)
    else:
        s.sendto(b"say on or off\n", addr)
