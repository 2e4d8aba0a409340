"""Consumes the topic orders.placed, one message after the other, and writes down each: sequence, delivery, process.

It pulls; with PUSH in its environment they are pushed to it, and to whoever else is in its slot. A connection that is lost is made
again, as clients do."""

import os
import socket
import threading
import time

API = "$JS.API.CONSUMER."
INBOX = "_INBOX.%d" % os.getpid()


class Nats:
    def __init__(self):
        host, port = os.environ["NATS_URL"].removeprefix("nats://").split(":")
        self.stream = socket.create_connection((host, int(port)))
        self.lines = self.stream.makefile("rb")
        self.say('CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}')
        self.say("SUB %s 1" % INBOX)

    def say(self, line):
        self.stream.sendall(line.encode() + b"\r\n")

    def ask(self, subject, body):
        self.say("PUB %s %s %d\r\n%s" % (subject, INBOX, len(body), body))

    # The reply subject of the next message, if it is one of the stream.
    def hear(self):
        while line := self.lines.readline():
            words = line.decode().split()
            if words[0] == "PING":
                self.say("PONG")
            elif words[0] in ("MSG", "HMSG"):
                self.lines.read(int(words[-1]) + 2)
                return words[3] if words[3].startswith("$JS.ACK.") else None
        raise ConnectionError("the server has gone")


def consume():
    nats = Nats()
    pushed = os.environ.get("PUSH")
    config = '"durable_name":"mailer","ack_policy":"explicit"'
    if pushed:
        config += ',"deliver_subject":"_INBOX.mailer.push","deliver_group":"mailer"'
    nats.ask(API + "DURABLE.CREATE.orders_placed.mailer", '{"stream_name":"orders_placed","config":{%s}}' % config)
    nats.hear()
    if pushed:
        nats.say("SUB _INBOX.mailer.push mailer 2")
    while True:
        if not pushed:
            nats.ask(API + "MSG.NEXT.orders_placed.mailer", '{"batch":1,"expires":20000000000}')
        if to := nats.hear():
            time.sleep(0.05)
            delivery, sequence = to.split(".")[4:6]
            with open("consumed", "a") as file:
                file.write("%s %s %d\n" % (sequence, delivery, os.getpid()))
            nats.say("PUB %s 0\r\n" % to)


def consume_forever():
    while True:
        try:
            consume()
        except ConnectionError:
            pass


threading.Thread(target=consume_forever, daemon=True).start()
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    server.accept()[0].close()
