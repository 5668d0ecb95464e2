# Two boards over UDP, this one has the button: it finds the board that runs lamp.py by its name.
# 两块板子用 UDP 通信，这块板子有按钮：按名称找到运行 lamp.py 的板子。
#
#   socklab run examples/lan/lamp.py examples/lan/button.py --board esp32,mpython

import network
import socket
import time

wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected():
    pass

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
pressed = 0
while pressed < 6:
    try:  # the other board may not be there yet / 另一块板子可能还没准备好
        s.sendto(b"toggle", socket.getaddrinfo("esp32.lan", 10002)[0][-1])
        print("answer / 应答:", s.recv(16))
        pressed += 1
    except OSError:
        print("no answer, again / 没有应答，重试")
    time.sleep(0.5)
s.close()
