# mPython: its own module has the Wi-Fi, three coloured lamps and a display. UDP messages "r", "g", "b" choose a colour.
# 掌控板：自带模块提供 Wi-Fi、三盏彩灯和显示屏。用 UDP 消息 "r"、"g"、"b" 选择颜色。
#
#   socklab run examples/boards/mpython_udp_lamp.py --board mpython --net host
#   socklab send udp://127.0.0.1:10001 r -w 1                             (in another terminal / 在另一个终端)

import socket

from mpython import oled, rgb, wifi

PORT = 10001
COLOURS = {b"r": (64, 0, 0), b"g": (0, 64, 0), b"b": (0, 0, 64)}

mywifi = wifi()
mywifi.connectWiFi("Socklab", "12345678")  # waits until it is connected / 会等到连上为止

oled.fill(0)
oled.DispChar(mywifi.sta.ifconfig()[0], 0, 0)
oled.show()

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", PORT))
print("waiting on UDP port / 等待 UDP 端口", PORT)
while True:
    data, addr = s.recvfrom(64)
    colour = COLOURS.get(data.strip())
    if colour:
        rgb[0] = colour
        rgb.write()
        s.sendto(b"ok", addr)
    else:
        s.sendto(b"r, g or b?", addr)
