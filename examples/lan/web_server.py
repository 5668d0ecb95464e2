# A board's web page, opened in a browser of this computer.
# 板子的网页，用这台电脑的浏览器打开。
#
#   socklab run examples/lan/web_server.py --forward 8080:80
#   http://127.0.0.1:8080                       (in a browser / 在浏览器中)

import network
import socket

wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected():
    pass

listener = socket.socket()
listener.bind(("", 80))
listener.listen(5)
print("page at / 网页地址", wlan.ifconfig()[0])
visits = 0
while True:
    client, addr = listener.accept()
    request = client.recv(1024)
    visits += 1
    print("visit / 访问", visits, request.split(b"\r\n")[0])
    page = "<h1>Hello from the board</h1><p>visit {}</p>".format(visits)
    client.send("HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + page)
    client.close()
