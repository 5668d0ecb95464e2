# From a name to an address: what getaddrinfo gives, and how to connect with it on every kind of board.
# 从域名到地址：getaddrinfo 返回什么，以及如何在各种板子上用它来连接。
#
#   socklab listen 10000                                                  (in another terminal / 在另一个终端)
#   socklab run examples/boards/lookup.py --board k230 --net host

import network
import socket
import time

HOST, PORT = "127.0.0.1", 10000  # a name such as "example.com" works too / 也可以写域名，例如 "example.com"

wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "12345678")
while not wlan.isconnected():
    time.sleep_ms(100)

for entry in socket.getaddrinfo(HOST, PORT):
    print("family, type, protocol, name, address:", entry)

# The first answer, and of it the last part: the address / 取第一个结果的最后一项：地址
address = socket.getaddrinfo(HOST, PORT)[0][-1]
print("address / 地址:", address)

s = socket.socket()
s.connect(address)
s.send(b"found you\n")
s.close()
