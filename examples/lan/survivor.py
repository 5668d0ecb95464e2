# A program that survives when its access point disappears for 10 seconds: it joins again and connects again.
# 接入点消失 10 秒也不会崩溃的程序：重新加入，重新连接。
#
#   socklab run examples/lan/survivor.py --open 10000
#   socklab lan air Socklab gone; sleep 10; socklab lan air Socklab back    (in another terminal / 在另一个终端)

import network
import socket
import time

SERVER = ("192.168.1.115", 10000)

wlan = network.WLAN(network.STA_IF)
wlan.active(True)


def join():
    while not wlan.isconnected():
        wlan.disconnect()
        wlan.connect("Socklab", "")
        for wait in range(30):  # three seconds, then a new attempt / 三秒后重试
            if wlan.isconnected():
                break
            time.sleep(0.1)
    print("joined / 已加入", wlan.ifconfig()[0])


count = 0
while True:
    join()
    s = socket.socket()
    s.settimeout(5)
    try:
        s.connect(SERVER)
        while wlan.isconnected():
            count += 1
            s.send("count {}\n".format(count).encode())
            print("sent / 已发送", count)
            time.sleep(1)
        print("Wi-Fi lost / Wi-Fi 断开")
    except OSError as error:
        print("connection lost / 连接断开", error)
    s.close()
