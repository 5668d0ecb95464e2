# The board is the access point: it opens a Wi-Fi of its own and greets whoever connects to port 10001.
# 板子自己作为热点：开启自己的 Wi-Fi，并向连接 10001 端口的人问好。
#
#   socklab run examples/boards/access_point.py --board esp32 --net host
#   socklab connect 127.0.0.1:10001                                       (in another terminal / 在另一个终端)

import network
import socket

PORT = 10001

ap = network.WLAN(network.AP_IF)
ap.active(True)
# A password has 8 characters or more / 密码至少 8 个字符
ap.config(essid="board", password="12345678", authmode=network.AUTH_WPA2_PSK)
print("access point / 热点:", ap.config("essid"), ap.ifconfig()[0])  # 192.168.4.1

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("", PORT))
listener.listen(1)
while True:
    conn, addr = listener.accept()
    print("visitor / 来访:", addr)
    conn.send("welcome to the board / 欢迎\n")
    conn.close()
