# A TCP client: joins the Wi-Fi, says hello, shows what comes. The LED blinks while joining and is on while connected.
# TCP 客户端：连接 Wi-Fi，发送问候，显示收到的内容。连接 Wi-Fi 时 LED 闪烁，连上服务器后常亮。
#
#   socklab listen 10000                                                  (in another terminal / 在另一个终端)
#   socklab run examples/boards/tcp_client.py --board esp32

import network
import socket
import time
from machine import Pin

SERVER = ("192.168.1.115", 10000)  # this computer / 这台电脑
WIFI = ("Socklab", "")         # name and password / 名称和密码

led = Pin(2, Pin.OUT)


def join_wifi(seconds=15):
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    if not wlan.isconnected():
        wlan.connect(*WIFI)  # comes back at once: so wait / 立即返回，所以要等待
    for _ in range(seconds * 10):
        if wlan.isconnected():
            print("Wi-Fi:", wlan.ifconfig()[0])
            return True
        led.value(not led.value())
        time.sleep_ms(100)
    print("no Wi-Fi / 没有 Wi-Fi")
    return False


def talk():
    s = socket.socket()
    s.settimeout(30)  # wait no longer than this for anything / 每次等待的上限（秒）
    try:
        s.connect(SERVER)
        led.on()
        s.send(b"Hello from the board\n")
        while True:
            data = s.recv(128)
            if not data:  # the other side has closed / 对方已关闭
                print("closed by the server / 服务器已关闭连接")
                break
            print("received:", data)
    except OSError as e:
        print("failed / 出错:", e)
    finally:
        s.close()
        led.off()


if join_wifi():
    talk()
