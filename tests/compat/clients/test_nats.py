"""nats-py against the server at $NATS_URL: publish, durable consume, key-value, object store."""

import asyncio
import os
import unittest
import uuid

import nats
from nats.errors import NoRespondersError, TimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, StreamConfig
from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError, NotFoundError, ObjectNotFoundError


class Client(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.nc = await nats.connect(os.environ["NATS_URL"], allow_reconnect=False)
        self.js = self.nc.jetstream()
        self.name = "py" + uuid.uuid4().hex[:8]

    async def asyncTearDown(self):
        await self.nc.close()

    async def stream(self, **more):
        config = StreamConfig(name=self.name, subjects=[f"{self.name}.>"], **more)
        await self.js.add_stream(config)
        self.addAsyncCleanup(self.delete_stream)

    async def delete_stream(self):
        nc = await nats.connect(os.environ["NATS_URL"])
        await nc.jetstream().delete_stream(self.name)
        await nc.close()

    async def publish(self, *bodies):
        return [await self.js.publish(f"{self.name}.a", body) for body in bodies]


class Core(Client):
    async def test_request_and_reply(self):
        async def answer(message):
            await message.respond(message.data.upper())

        await self.nc.subscribe(self.name, cb=answer)
        reply = await self.nc.request(self.name, b"hello", timeout=5)
        self.assertEqual(reply.data, b"HELLO")

    async def test_nobody_answers(self):
        with self.assertRaises(NoRespondersError):
            await self.nc.request(self.name, b"hello", timeout=5)


class Publish(Client):
    async def test_acknowledgements_count_up(self):
        await self.stream()
        acks = await self.publish(b"1", b"2", b"3")
        self.assertEqual([(ack.stream, ack.seq, ack.duplicate) for ack in acks], [(self.name, n, None) for n in (1, 2, 3)])
        state = (await self.js.stream_info(self.name)).state
        self.assertEqual((state.messages, state.first_seq, state.last_seq), (3, 1, 3))

    async def test_a_repeated_id_is_stored_once(self):
        await self.stream()
        headers = {"Nats-Msg-Id": "one"}
        acks = [await self.js.publish(f"{self.name}.a", b"x", headers=headers) for _ in range(2)]
        self.assertEqual([(ack.seq, ack.duplicate) for ack in acks], [(1, None), (1, True)])

    async def test_an_expectation_that_does_not_hold(self):
        await self.stream()
        await self.publish(b"1")
        with self.assertRaises(APIError) as caught:
            await self.js.publish(f"{self.name}.a", b"2", headers={"Nats-Expected-Last-Sequence": "7"})
        self.assertEqual((caught.exception.code, caught.exception.err_code), (400, 10071))

    async def test_a_full_stream_refuses(self):
        await self.stream(max_msgs=1, discard="new")
        await self.publish(b"1")
        with self.assertRaises(APIError) as caught:
            await self.publish(b"2")
        self.assertEqual(caught.exception.err_code, 10077)

    async def test_a_stream_that_is_not_there(self):
        with self.assertRaises(NotFoundError) as caught:
            await self.js.stream_info(self.name)
        self.assertEqual(caught.exception.err_code, 10059)

    async def test_messages_are_read_and_purged(self):
        await self.stream(allow_direct=True)
        await self.publish(b"1", b"2", b"3")
        by_api = await self.js.get_msg(self.name, seq=2)
        direct = await self.js.get_msg(self.name, subject=f"{self.name}.a", direct=True)
        self.assertEqual([(m.seq, m.data) for m in (by_api, direct)], [(2, b"2"), (3, b"3")])
        await self.js.purge_stream(self.name, keep=1)
        self.assertEqual((await self.js.stream_info(self.name)).state.messages, 1)


class Consume(Client):
    async def test_a_durable_goes_on_where_it_stopped(self):
        await self.stream()
        await self.publish(b"1", b"2", b"3")
        first = await self.js.pull_subscribe(f"{self.name}.>", durable="worker")
        for message in await first.fetch(2, timeout=5):
            await message.ack_sync()
        await first.unsubscribe()
        again = await self.js.pull_subscribe_bind("worker", stream=self.name)
        [message] = await again.fetch(1, timeout=5)
        self.assertEqual((message.data, message.metadata.sequence.stream, message.metadata.num_pending), (b"3", 3, 0))
        await message.ack_sync()
        info = await self.js.consumer_info(self.name, "worker")
        self.assertEqual((info.num_pending, info.num_ack_pending, info.ack_floor.stream_seq), (0, 0, 3))

    async def test_what_is_not_acknowledged_comes_again(self):
        await self.stream()
        await self.publish(b"1", b"2")
        config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, max_deliver=3)
        worker = await self.js.pull_subscribe(f"{self.name}.>", durable="worker", config=config)
        refused, ended = await worker.fetch(2, timeout=5)
        await refused.nak()
        await ended.term()
        [again] = await worker.fetch(1, timeout=5)
        self.assertEqual((again.data, again.metadata.num_delivered), (b"1", 2))
        await again.ack_sync()
        with self.assertRaises(TimeoutError):
            await worker.fetch(1, timeout=0.3)

    async def test_push_in_order(self):
        await self.stream()
        await self.publish(*[b"%d" % number for number in range(50)])
        ordered = await self.js.subscribe(f"{self.name}.>", ordered_consumer=True)
        bodies = [(await ordered.next_msg(timeout=5)).data for _ in range(50)]
        self.assertEqual(bodies, [b"%d" % number for number in range(50)])

    async def test_a_queue_shares_the_work(self):
        await self.stream()
        got = asyncio.Queue(maxsize=20)

        async def take(message):
            await got.put(message.data)
            await message.ack()

        for _ in range(2):
            await self.js.subscribe(f"{self.name}.>", queue="workers", durable="workers", cb=take)
        await self.publish(*[b"%d" % number for number in range(10)])
        bodies = [await asyncio.wait_for(got.get(), 5) for _ in range(10)]
        self.assertEqual(sorted(bodies), [b"%d" % number for number in range(10)])


class Buckets(Client):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.kv = await self.js.create_key_value(bucket=self.name, history=3)

    async def asyncTearDown(self):
        await self.js.delete_key_value(self.name)
        await super().asyncTearDown()

    async def test_values_and_revisions(self):
        self.assertEqual(await self.kv.put("a", b"1"), 1)
        self.assertEqual(await self.kv.update("a", b"2", last=1), 2)
        entry = await self.kv.get("a")
        self.assertEqual((entry.value, entry.revision), (b"2", 2))
        with self.assertRaises(KeyWrongLastSequenceError):
            await self.kv.update("a", b"3", last=1)
        with self.assertRaises(KeyWrongLastSequenceError):
            await self.kv.create("a", b"3")
        self.assertEqual([entry.value for entry in await self.kv.history("a")], [b"1", b"2"])

    async def test_deleted_keys(self):
        await self.kv.put("a", b"1")
        await self.kv.put("b.c", b"2")
        await self.kv.delete("a")
        with self.assertRaises(KeyNotFoundError):
            await self.kv.get("a")
        self.assertEqual(await self.kv.keys(), ["b.c"])
        self.assertEqual(await self.kv.create("a", b"3"), 4)
        await self.kv.purge("a")
        self.assertEqual((await self.kv.status()).values, 2)

    async def test_a_watch_tells_what_is_and_what_comes(self):
        await self.kv.put("a", b"1")
        await self.kv.put("b", b"2")
        watch = await self.kv.watchall()
        seen = [await watch.updates(timeout=5) for _ in range(3)]
        self.assertEqual([entry and (entry.key, entry.value) for entry in seen], [("a", b"1"), ("b", b"2"), None])
        await self.kv.put("c", b"3")
        self.assertEqual((await watch.updates(timeout=5)).key, "c")
        await watch.stop()


class Objects(Client):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.store = await self.js.create_object_store(self.name)

    async def asyncTearDown(self):
        await self.js.delete_object_store(self.name)
        await super().asyncTearDown()

    async def test_an_object_of_several_chunks(self):
        data = bytes(range(256)) * 2000
        info = await self.store.put("picture", data)
        self.assertEqual((info.size, info.chunks), (512_000, 4))
        self.assertEqual((await self.store.get("picture")).data, data)
        await self.store.put("picture", b"small")
        self.assertEqual((await self.store.get("picture")).data, b"small")
        self.assertEqual([info.name for info in await self.store.list()], ["picture"])
        await self.store.delete("picture")
        with self.assertRaises(ObjectNotFoundError):
            await self.store.get("picture")


if __name__ == "__main__":
    unittest.main()
