"""Mails about orders: each message of `orders.placed` becomes one row in the store. `GET /mails` lists the last hundred."""

import asyncio
import json
import os
import signal
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import nats

# The order's id is the key: a message that comes again makes no second mail.
SCHEMA = "CREATE TABLE IF NOT EXISTS mails (order_id TEXT PRIMARY KEY, user INTEGER NOT NULL, text TEXT NOT NULL)"


def database():
    store = sqlite3.connect(os.environ["DATABASE_PATH"], timeout=5)
    with store:
        store.execute(SCHEMA)
    return store


def keep(store, order):
    """Keeps the mail about an order, unless there is one; whether it is new."""
    text = f"Your {order['quantity']} {order['sku']} will be with you soon."
    mail = (order["id"], order["user"], text)
    with store:
        return store.execute("INSERT OR IGNORE INTO mails VALUES (?, ?, ?)", mail).rowcount == 1


def newest(store):
    rows = store.execute("SELECT order_id, user, text FROM mails ORDER BY rowid DESC LIMIT 100")
    return [{"order": order, "user": user, "text": text} for order, user, text in rows]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200, "ok")
        elif self.path == "/mails":
            store = database()
            self.answer(200, newest(store))
            store.close()
        else:
            self.answer(404, {"error": "there is nothing here"})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


async def consume(stream):
    # The consumer `mailer` outlives this program: the next one goes on where this one ended.
    orders = await stream.pull_subscribe("orders.placed", durable="mailer", stream="orders_placed")
    store = database()
    while True:
        try:
            messages = await orders.fetch(10, timeout=5)
        except asyncio.TimeoutError:
            # Not only the `nats.errors.TimeoutError` that is one: `fetch` raises both.
            continue
        for message in messages:
            await take(store, message)


async def take(store, message):
    try:
        order = json.loads(message.data)
        is_new = keep(store, order)
    except (ValueError, KeyError, TypeError) as error:
        # It never will be an order: it becomes a dead letter, and those behind it go on.
        print(f"no order: {error!r}", flush=True)
        return await message.term()
    if is_new:
        print(f"mail about order {order['id']}", flush=True)
    # Only now: without it the message comes again.
    await message.ack()


async def leave(client, work):
    # In this order: work that is cancelled after its connection has closed takes that for a failure.
    work.cancel()
    await asyncio.wait([work])
    await client.close()


async def main():
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    client = await nats.connect(os.environ["NATS_URL"], name="mailer", max_reconnect_attempts=-1)
    work = asyncio.create_task(consume(client.jetstream()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asked_to_stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked_to_stop.set)
    stop = asyncio.create_task(asked_to_stop.wait())
    await asyncio.wait([work, stop], return_when=asyncio.FIRST_COMPLETED)
    if work.done():
        work.result()
    await leave(client, work)


if __name__ == "__main__":
    asyncio.run(main())
