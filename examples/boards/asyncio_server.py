# A server for many clients at once, with asyncio, while a lamp goes on blinking.
# 用 asyncio 同时服务多个客户端，LED 照常闪烁。
#
#   socklab run examples/boards/asyncio_server.py --board esp32 --net host
#   socklab connect 127.0.0.1:10001             (in several terminals / 可在多个终端)

import asyncio
import network
from machine import Pin

PORT = 10001

led = Pin(2, Pin.OUT)
clients = 0


async def join_wifi():
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    wlan.connect("Socklab", "")
    while not wlan.isconnected():
        await asyncio.sleep_ms(100)
    return wlan.ifconfig()[0]


async def serve(reader, writer):
    global clients
    clients += 1
    number = clients
    print("client / 客户端", number)
    try:
        while True:
            line = await reader.readline()  # others are served meanwhile / 等待时服务其他客户端
            if not line:
                break
            print(number, line)
            writer.write(b"%d: " % number + line)
            await writer.drain()
    except OSError as e:
        print(number, "failed / 出错:", e)
    writer.close()
    await writer.wait_closed()
    print("gone / 离开", number)


async def main():
    address = await join_wifi()
    await asyncio.start_server(serve, "0.0.0.0", PORT)
    print("listening on / 正在监听", address, PORT)
    while True:
        led.value(not led.value())
        await asyncio.sleep_ms(500)


asyncio.run(main())
