# A Linux board (WalnutPi) runs CPython: no Wi-Fi in the program, sockets send bytes only, errors have classes.
# Linux 板（核桃派、虚谷号）运行 CPython：程序不管 Wi-Fi，套接字只发送 bytes，错误有各自的类。
#
#   socklab listen 10000                                                  (in another terminal / 在另一个终端)
#   socklab run examples/boards/linux_tcp_client.py --board linux

import socket

SERVER = ("192.168.1.115", 10000)

s = socket.socket()
s.settimeout(30)
try:
    s.connect(SERVER)
    s.send("Hello from Linux\n".encode())  # bytes: CPython takes no str here / CPython 在这里不接受 str
    while True:
        data = s.recv(128)
        if data == b"":
            print("closed by the server / 服务器已关闭连接")
            break
        print(data.decode())
        s.send(b"I received: " + data)
except OSError as e:
    print("failed / 出错:", e)
finally:
    s.close()
