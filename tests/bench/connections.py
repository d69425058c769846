"""connections.py URL IDLE SLOW FILE: opens IDLE connections and asks something on each, and SLOW ones that send a byte a second of
a request that never ends; then makes FILE and keeps them all, opening anew what the server gives up.
connections.py URL newcomers COUNT: so many newcomers, one after the other, on connections of their own; how long each waits."""
import socket
import sys
import time
from urllib.parse import urlparse

REQUEST = b"GET /api/health HTTP/1.1\r\nHost: bench\r\n\r\n"
url = urlparse(sys.argv[1])


def connect():
    return socket.create_connection((url.hostname, url.port), timeout=30)


def ask(connection):
    connection.sendall(REQUEST)
    assert connection.recv(65536).startswith(b"HTTP/1.1 200"), "no answer"
    return connection


def newcomers(count):
    waits = []
    for _ in range(count):
        began = time.monotonic()
        ask(connect()).close()
        waits.append((time.monotonic() - began) * 1000)
    waits.sort()
    print("figures median_ms=%.2f p99_ms=%.2f" % (waits[count // 2], waits[count * 99 // 100]))


def dribble(slow):
    for place, connection in enumerate(slow):
        try:
            connection.sendall(b"G" if connection.dribbled else b"GET /")
            connection.dribbled = True
        except OSError:
            slow[place] = Slow(connect())


class Slow:
    def __init__(self, connection):
        self.sendall, self.dribbled = connection.sendall, False
        self.connection = connection


if sys.argv[2] == "newcomers":
    newcomers(int(sys.argv[3]))
else:
    idle = [ask(connect()) for _ in range(int(sys.argv[2]))]
    slow = [Slow(connect()) for _ in range(int(sys.argv[3]))]
    open(sys.argv[4], "w").close()
    while True:
        dribble(slow)
        time.sleep(1)
