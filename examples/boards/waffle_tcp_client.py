# Waffle Nano: WLAN() without an argument, connect() with security=, and config() gives the address.
# 黑胡桃 Waffle Nano：WLAN() 不带参数，connect() 要写 security=，config() 返回地址。
#
#   socklab listen 10000                                                  (in another terminal / 在另一个终端)
#   socklab run examples/boards/waffle_tcp_client.py --board waffle

import network
import socket
import time

SERVER = ("192.168.1.115", 10000)

wlan = network.WLAN()
wlan.active(1)
wlan.connect("Socklab", "12345678", security=network.AUTH_PSK)
while wlan.config() == "0.0.0.0":  # no address yet / 还没有地址
    time.sleep_ms(200)
print("Wi-Fi:", wlan.config())

s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.connect(SERVER)
s.send(b"Hello from Waffle Nano\n")
while True:
    data = s.recv(128)
    if not data:
        break
    print(str(data, "utf-8"))
    s.send(data)  # the same back / 原样发回
s.close()
