# Two boards over UDP, this one has the button: it toggles the lamp of the board that runs two_boards_lamp.py.
# 两块板子用 UDP 通信，这块板子有按钮：切换运行 two_boards_lamp.py 的板子上的灯。
#
#   socklab run examples/boards/two_boards_lamp.py --board esp32 --net host
#   socklab run examples/boards/two_boards_button.py --board mpython --net host   (in another terminal / 在另一个终端)

import network
import socket
import time

LAMP = ("127.0.0.1", 10002)  # what the other board prints / 另一块板子打印的地址

wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected():
    time.sleep_ms(100)

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
for press in range(6):  # six presses of a button / 模拟按六次按钮
    for attempt in range(3):  # UDP may lose a datagram: try again / UDP 可能丢失数据报，因此重试
        s.sendto(b"toggle", LAMP)
        try:
            state, addr = s.recvfrom(16)
            print("the lamp is / 灯的状态:", state.decode())
            break
        except OSError:
            print("no answer, again / 没有应答，重试")
    time.sleep(1)
s.close()
