# A TCP client that answers: whatever the server sends comes back with "I received: " before it.
# 会应答的 TCP 客户端：服务器发来的内容，加上 "I received: " 后发回。
#
#   socklab listen 10000                                                  (in another terminal / 在另一个终端)
#   socklab run examples/boards/tcp_echo.py --board esp32

import network
import socket
import time

SERVER = ("192.168.1.115", 10000)

wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected():
    time.sleep_ms(100)

s = socket.socket()
s.connect(SERVER)
s.send("Hello Socklab!")  # a board takes a str too, and sends it as UTF-8 / 板子也接受 str，按 UTF-8 发送
while True:
    data = s.recv(128)  # bytes, up to 128 / 最多 128 字节
    if data == b"":     # b"" and not "": recv gives bytes / 是 b"" 而不是 ""：recv 返回 bytes
        break
    print(data.decode())
    s.send(b"I received: " + data)
s.close()
print("done / 结束")
