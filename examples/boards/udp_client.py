# A UDP client: sends a counter each second, ten times, and waits a moment for an answer to each.
# UDP 客户端：每秒发送一次计数，共十次，每次稍等应答。
#
#   socklab listen udp://0.0.0.0:10000 --echo                             (in another terminal / 在另一个终端)
#   socklab run examples/boards/udp_client.py --board esp32

import network
import socket
import time

SERVER = ("192.168.1.115", 10000)

wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected():
    time.sleep_ms(100)

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)  # a datagram may be lost: do not wait for ever / 数据报可能丢失，不要一直等
for count in range(1, 11):
    s.sendto("count {}\n".format(count).encode(), SERVER)
    try:
        data, addr = s.recvfrom(256)
        print("answer / 应答:", data, addr)
    except OSError:
        print("no answer to / 没有应答:", count)
    time.sleep(1)
s.close()
