# Two boards over UDP, this one has the lamp: each datagram of the board that runs button.py toggles it.
# 两块板子用 UDP 通信，这块板子有灯：运行 button.py 的板子每发一个数据报，灯就切换一次。
#
#   socklab run examples/lan/lamp.py examples/lan/button.py --board esp32,mpython

import network
import socket
from machine import Pin

wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected():
    pass

led = Pin(2, Pin.OUT)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 10002))
for count in range(6):
    data, addr = s.recvfrom(16)
    led.value(not led.value())
    print("lamp / 灯:", "on" if led.value() else "off")
    s.sendto(b"done", addr)
s.close()
