# A socket as a stream: readline, write, makefile and readinto. A TCP stream has no messages: lines make some.
# 把套接字当作流：readline、write、makefile 和 readinto。TCP 流没有消息边界，用换行来划分。
#
#   socklab listen 10000                        (in another terminal: type lines / 在另一个终端，输入若干行)
#   socklab run examples/boards/lines.py --board esp32

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
stream = s.makefile("rwb")  # on a board, this is the socket itself / 在板子上，它就是套接字本身

stream.write(b"your name? \n")
name = stream.readline()  # up to and with "\n"; b"" at the end / 读到 "\n" 为止；结束时为 b""
print("name / 姓名:", name.decode().strip())

stream.write(b"eight characters, please \n")
buffer = bytearray(8)
count = stream.readinto(buffer)  # waits until the buffer is full; gives how many / 等到缓冲区满，返回字节数
print("count / 字节数:", count, "bytes / 内容:", bytes(buffer[:count]))

stream.write(b"goodbye \n")
stream.close()
s.close()
