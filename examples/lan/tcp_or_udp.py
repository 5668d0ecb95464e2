# TCP against UDP on a link that loses 5 % of all frames each way: how much comes back?
# 在每个方向都丢 5 % 的链路上比较 TCP 和 UDP：能收回多少？
#
#   socklab run examples/lan/tcp_or_udp.py --open tcp-listen://127.0.0.1:10000?echo=1 --open udp://127.0.0.1:10000?echo=1 --fault loss=5%

import network
import socket

SERVER = ("192.168.1.115", 10000)
COUNT = 200

wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected():
    pass

u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.settimeout(0.2)  # what is lost never comes / 丢失的不会再来
came = 0
for number in range(COUNT):
    u.sendto("{:03}\n".format(number).encode(), SERVER)
    try:
        u.recv(16)
        came += 1
    except OSError:
        pass
u.close()
print("UDP:", came, "of", COUNT)

t = socket.socket()
t.connect(SERVER)
came = 0
for number in range(COUNT):  # what is lost is sent again: slower, but all of it / 丢失的会重传：慢一些，但不缺
    t.send("{:03}\n".format(number).encode())
while came < COUNT * 4:
    came += len(t.recv(1024))
t.close()
print("TCP:", came // 4, "of", COUNT)
