# CanMV K230: connect() of the Wi-Fi waits by itself (10 s at most) and says whether it worked.
# CanMV K230：Wi-Fi 的 connect() 会自己等待（最多 10 秒），并返回是否成功。
#
#   socklab listen 10000                                                  (in another terminal / 在另一个终端)
#   socklab run examples/boards/k230_tcp_client.py --board k230

import network
import socket
import time
from machine import Pin

HOST, PORT = "192.168.1.115", 10000

led = Pin(52, Pin.OUT)  # the blue lamp of the board / 板上的蓝灯

wlan = network.WLAN(network.STA_IF)
wlan.active(True)

if wlan.connect("Socklab", "12345678"):  # on other boards: wait in a loop / 在其他板子上要循环等待
    print("Wi-Fi:", wlan.ifconfig()[0])
    led.value(1)
    # This board takes numeric addresses only, so look the name up first / 只接受数字地址，所以先解析
    address = socket.getaddrinfo(HOST, PORT)[0][-1]
    s = socket.socket()
    s.connect(address)
    s.send("Hello from K230\n")
    while True:
        data = s.recv(128)
        if not data:
            break
        print(data.decode())
        s.send(b"I received: " + data)
    s.close()
    led.value(0)
else:
    for _ in range(3):  # three blinks: no Wi-Fi / 闪三下：没有连上
        led.value(1)
        time.sleep_ms(300)
        led.value(0)
        time.sleep_ms(300)
    print("no Wi-Fi / 没有 Wi-Fi")
