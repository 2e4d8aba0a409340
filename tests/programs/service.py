"""A service for the tests: listens on $PORT or $SOCKET, and does what the request's path says."""

import base64
import hashlib
import http.client
import json
import os
import signal
import socket
import socketserver
import sqlite3
import ssl
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

health = 200
kept = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name, _, rest = self.path.lstrip("/").partition("?")[0].partition("/")
        if name not in ("echo", "nats", "size", "sql"):
            for _ in self.body():
                pass
        if hasattr(self, "on_" + name):
            getattr(self, "on_" + name)(rest)
        else:
            self.answer(self.path)

    do_POST = do_GET

    def answer(self, text, status=200, kind="text/plain"):
        body = text if isinstance(text, bytes) else str(text).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        if self.headers.get("transfer-encoding") == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        left = int(self.headers.get("content-length") or 0)
        while left:
            part = self.rfile.read(min(left, 65536))
            left -= len(part)
            yield part

    # The health check's answer; POST /health/500 changes it.
    def on_healthz(self, _):
        self.answer("health", health)

    def on_health(self, status):
        global health
        health = int(status)
        self.answer(os.getpid())

    def on_pid(self, _):
        self.answer(os.getpid())

    def on_env(self, _):
        self.answer(json.dumps(dict(os.environ)))

    def on_seen(self, _):
        self.answer(json.dumps({"path": self.path, "headers": dict(self.headers.items())}))

    def on_status(self, status):
        self.answer("status " + status, int(status))

    def on_sleep(self, seconds):
        time.sleep(float(seconds))
        self.answer("slept %s in %d" % (seconds, os.getpid()))

    def on_print(self, text):
        print(text, flush=True)
        self.answer("printed")

    def on_flood(self, lines):
        for number in range(int(lines)):
            print("%08d %s" % (number, "x" * 200))
        sys.stdout.flush()
        self.answer("printed")

    def on_echo(self, _):
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for part in self.body():
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def on_size(self, _):
        self.answer(sum(len(part) for part in self.body()))

    def on_bytes(self, size):
        self.send_response(200)
        self.send_header("content-length", size)
        self.end_headers()
        for _ in range(int(size) // 65536):
            self.wfile.write(b"b" * 65536)
        self.wfile.write(b"b" * (int(size) % 65536))

    # /call/NAME/PATH asks another service; what it said comes back as JSON.
    def on_call(self, rest):
        name, _, path = rest.partition("/")
        self.ask(os.environ[name.upper().replace("-", "_") + "_URL"], path)

    # /both/NAME/PATH asks another service, and says who asked.
    def on_both(self, rest):
        name, _, path = rest.partition("/")
        with urllib.request.urlopen(os.environ[name.upper() + "_URL"] + "/" + path, timeout=20) as answer:
            self.answer(json.dumps({"V": os.environ.get("V"), "body": answer.read().decode()}))

    # /pass/NAME/PATH asks another service, and answers as it does.
    def on_pass(self, rest):
        name, _, path = rest.partition("/")
        try:
            with urllib.request.urlopen(os.environ[name.upper() + "_URL"] + "/" + path, timeout=60) as answer:
                self.answer(answer.read(), answer.status)
        except urllib.error.HTTPError as error:
            self.answer(error.read(), error.code)

    # /fetch/HOST:PORT/PATH asks any address.
    def on_fetch(self, rest):
        address, _, path = rest.partition("/")
        self.ask("http://" + address, path)

    # /child/KIND/NAME/PATH asks from another process: a child, a daemon, or a child with a socket of its parent's.
    def on_child(self, rest):
        kind, name, path = rest.split("/", 2)
        host, _, port = os.environ[name.upper() + "_URL"].removeprefix("http://").partition(":")
        connect = lambda: socket.create_connection((host, int(port)), 20)
        made = connect() if kind == "inherited" else None
        reader, writer = os.pipe()
        if os.fork() == 0:
            if kind == "daemon":
                os.setsid()
                parent = os.getpid()
                if os.fork() > 0:
                    os._exit(0)
                while os.getppid() == parent:
                    time.sleep(0.001)
            asking = made or connect()
            asking.sendall(b"GET /%s HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" % path.encode())
            os.write(writer, asking.recv(12))
            os._exit(0)
        os.wait()
        self.answer(os.read(reader, 12))

    # /socket/NAME/PATH asks over the Unix socket for a service; /socket/FILE.call/PATH over one that lies beside it.
    def on_socket(self, rest):
        name, _, path = rest.partition("/")
        own = next(value for key, value in os.environ.items() if key.endswith("_SOCKET"))
        at = os.path.join(os.path.dirname(own), name) if name.endswith(".call") else os.environ[name.upper() + "_SOCKET"]
        asked = ["curl", "-sS", "--max-time", "20", "-w", " %{http_code}", "--unix-socket", at, "http://users/" + path]
        self.answer(subprocess.run(asked, capture_output=True, text=True).stdout)

    # /line/NAME/TEXT says a line to a service that speaks bytes, and answers the line that comes back.
    def on_line(self, rest):
        name, _, text = rest.partition("/")
        url = urllib.parse.urlsplit(os.environ[name.upper() + "_URL"])
        with socket.create_connection((url.hostname, url.port), 20) as callee:
            callee.sendall(text.encode() + b"\n")
            self.answer(callee.makefile("rb").readline())

    # /nats/TEXT says the body to the server at $NATS_URL, and answers what it said until TEXT was in it.
    def on_nats(self, text):
        url = urllib.parse.urlsplit(os.environ["NATS_URL"])
        options = {"verbose": False, "pedantic": False, "headers": True}
        if url.username:
            options |= {"user": url.username, "pass": url.password}
        with socket.create_connection((url.hostname, url.port), 20) as plain:
            said, nats = b"", plain
            if url.scheme == "tls":
                plain.recv(65536)
                trusted = ssl.create_default_context(cafile=os.environ["NATS_CA"])
                nats = trusted.wrap_socket(plain, server_hostname=url.hostname)
            nats.sendall(b"CONNECT %s\r\n%s" % (json.dumps(options).encode(), b"".join(self.body())))
            while text.encode() not in said and (part := nats.recv(65536)):
                said += part
        self.answer(said)

    def ask(self, url, path):
        try:
            with urllib.request.urlopen(url + "/" + path, timeout=20) as answer:
                said = {"status": answer.status, "body": answer.read().decode()}
        except urllib.error.HTTPError as error:
            reason = error.headers.get("x-isles-reason")
            said = {"status": error.code, "body": error.read().decode(), "reason": reason}
        except OSError as error:
            said = {"error": str(error)}
        self.answer(json.dumps(said))

    # /sql runs the body on the service's own store.
    def on_sql(self, _):
        with sqlite3.connect(os.environ["DATABASE_PATH"], timeout=10) as store:
            rows = store.execute(b"".join(self.body()).decode()).fetchall()
        self.answer(json.dumps(rows))

    def on_grow(self, mebibytes):
        kept.append(b"m" * (int(mebibytes) << 20))
        self.answer("grown")

    # /daemon leaves a process behind that has a session of its own and no parent.
    def on_daemon(self, _):
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if (pid := os.fork()) == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                os.chdir("/")
                os.execvp("sleep", ["sleep", "600"])
            os.write(writer, str(pid).encode())
            os._exit(0)
        os.wait()
        self.answer(os.read(reader, 20))

    def on_exit(self, code):
        os._exit(int(code))

    def on_garbage(self, _):
        self.wfile.write(b"this is not HTTP\r\n\r\n")
        self.close_connection = True

    # WebSocket, as far as an echo needs it (RFC 6455): small frames from the client, masked.
    def on_websocket(self, _):
        key = self.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("upgrade", "websocket")
        self.send_header("connection", "upgrade")
        self.send_header("sec-websocket-accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while head := self.rfile.read(2):
            kind, length = head[0] & 15, head[1] & 127
            mask = self.rfile.read(4)
            data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(length)))
            self.wfile.write(struct.pack("BB", 0x80 | kind, length) + data)
            if kind == 8:
                return

    def address_string(self):
        return "client"

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, *_):
        pass


class UnixServer(Server):
    address_family = socket.AF_UNIX


def terminated(*_):
    if order := os.environ.get("STOP_ORDER"):
        with open(order, "a") as file:
            file.write(os.environ["NAME"] + "\n")
    os._exit(0)


signal.signal(signal.SIGTERM, terminated)
# Nothing listens before the file is there that $WAIT_FOR names.
while os.environ.get("WAIT_FOR") and not os.path.exists(os.environ["WAIT_FOR"]):
    time.sleep(0.01)
if "SOCKET" in os.environ:
    server = UnixServer(os.environ["SOCKET"], Handler)
else:
    server = Server(("127.0.0.1", int(os.environ["PORT"])), Handler)
print("listening", flush=True)
server.serve_forever()
