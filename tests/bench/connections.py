"""connections.py URL COUNT FILE: opens so many connections, asks something on each, then makes FILE and keeps them."""
import socket
import sys
import time
from urllib.parse import urlparse

url, count, told = urlparse(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
kept = []
for _ in range(count):
    connection = socket.create_connection((url.hostname, url.port))
    connection.sendall(b"GET /api/health HTTP/1.1\r\nHost: bench\r\n\r\n")
    assert connection.recv(65536).startswith(b"HTTP/1.1 200"), "no answer"
    kept.append(connection)
open(told, "w").close()
time.sleep(600)
