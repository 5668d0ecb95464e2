# A TCP server on the board: one client after another; each line comes back in capitals.
# 板子上的 TCP 服务器：依次服务每个客户端，把收到的内容变成大写发回。
#
#   socklab run examples/boards/tcp_server.py --board esp32 --net host
#   socklab connect 127.0.0.1:10001                                       (in another terminal / 在另一个终端)

import network
import socket
import time

PORT = 10001

wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected():
    time.sleep_ms(100)

listener = socket.socket()
# So that a second run may take the port at once / 使第二次运行可以立即使用同一端口
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("", PORT))  # "": all addresses of the board / 板子的所有地址
listener.listen(1)
print("listening on / 正在监听", wlan.ifconfig()[0], PORT)

while True:
    conn, addr = listener.accept()  # waits for a client / 等待客户端
    print("connected / 已连接:", addr)
    try:
        while True:
            data = conn.recv(256)
            if not data:
                break
            print("received:", data)
            conn.send(data.upper())
    except OSError as e:
        print("failed / 出错:", e)
    conn.close()  # the connection, not the listener / 关闭的是连接，不是监听套接字
    print("closed / 已断开:", addr)
