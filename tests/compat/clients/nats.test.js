// The NATS client for JavaScript against the server at $NATS_URL: publish, durable consume, key-value, object store.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import {
  AckPolicy, DiscardPolicy, jetstream, jetstreamManager, JetStreamApiError,
} from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { Objm } from "@nats-io/obj";
import { connect, headers, NoRespondersError, RequestError } from "@nats-io/transport-node";

/** Gives a test a connection, the two sides of JetStream and a name of its own. */
function check(title, body) {
  test(title, { timeout: 20_000 }, async () => {
    const nc = await connect({ servers: process.env.NATS_URL, reconnect: false });
    const name = "js" + randomUUID().slice(0, 8);
    const jsm = await jetstreamManager(nc);
    try {
      await body({ nc, name, jsm, js: jetstream(nc) });
    } finally {
      for await (const stream of jsm.streams.list()) {
        if (stream.config.name.endsWith(name)) await jsm.streams.delete(stream.config.name);
      }
      await nc.close();
    }
  });
}

async function stream({ jsm, js, name }, config, ...bodies) {
  await jsm.streams.add({ name, subjects: [`${name}.>`], ...config });
  const acks = [];
  for (const body of bodies) acks.push(await js.publish(`${name}.a`, body));
  return acks;
}

/** The number of the error that a promise ends with. */
async function failure(promise) {
  const error = await promise.then(() => assert.fail("it did not fail"), (error) => error);
  assert(error instanceof JetStreamApiError, String(error));
  return error.code;
}

async function take(messages, count) {
  const taken = [];
  for await (const message of messages) {
    taken.push(message);
    if (taken.length === count) break;
  }
  return taken;
}

check("request and reply, and nobody to reply", async ({ nc, name }) => {
  await assert.rejects(nc.request(name, "hello"), (error) =>
    error instanceof RequestError && error.cause instanceof NoRespondersError);
  nc.subscribe(name, { callback: (_, message) => message.respond(message.string().toUpperCase()) });
  assert.equal((await nc.request(name, "hello")).string(), "HELLO");
});

check("acknowledgements count up", async (t) => {
  const acks = await stream(t, {}, "1", "2");
  assert.deepEqual(acks.map((ack) => [ack.stream, ack.seq, ack.duplicate]), [[t.name, 1, false], [t.name, 2, false]]);
  const { state } = await t.jsm.streams.info(t.name);
  assert.deepEqual([state.messages, state.first_seq, state.last_seq], [2, 1, 2]);
});

check("a repeated id is stored once", async (t) => {
  await stream(t, {});
  const publish = () => t.js.publish(`${t.name}.a`, "x", { msgID: "one" });
  const acks = [await publish(), await publish()];
  assert.deepEqual(acks.map((ack) => [ack.seq, ack.duplicate]), [[1, false], [1, true]]);
});

check("what cannot be stored is refused by its number", async (t) => {
  await stream(t, { max_msgs: 1, discard: DiscardPolicy.New }, "1");
  const publish = (options) => failure(t.js.publish(`${t.name}.a`, "2", options));
  assert.equal(await publish({ expect: { lastSequence: 7 } }), 10071);
  assert.equal(await publish({}), 10077);
  assert.equal(await failure(t.jsm.streams.info("none" + t.name)), 10059);
  assert.equal(await failure(t.jsm.consumers.info(t.name, "none")), 10014);
  assert.equal(await failure(t.jsm.streams.add({ name: "b" + t.name, subjects: [`${t.name}.a`] })), 10065);
});

check("messages are read and purged", async (t) => {
  await stream(t, { allow_direct: true }, "1", "2", "3");
  const read = [
    await t.jsm.streams.getMessage(t.name, { seq: 2 }),
    await t.jsm.direct.getMessage(t.name, { last_by_subj: `${t.name}.a` }),
  ];
  assert.deepEqual(read.map((message) => [message.seq, message.string()]), [[2, "2"], [3, "3"]]);
  assert.equal((await t.jsm.streams.purge(t.name, { keep: 1 })).purged, 2);
});

check("a durable goes on where it stopped", async (t) => {
  await stream(t, {}, "1", "2", "3");
  await t.jsm.consumers.add(t.name, { durable_name: "worker", ack_policy: AckPolicy.Explicit });
  const first = await t.js.consumers.get(t.name, "worker");
  for (const message of await take(await first.fetch({ max_messages: 2 }), 2)) assert(await message.ackAck());
  const again = await t.js.consumers.get(t.name, "worker");
  const message = await again.next({ expires: 5_000 });
  assert.deepEqual([message.string(), message.seq, message.info.pending], ["3", 3, 0]);
  assert(await message.ackAck());
  const info = await again.info();
  assert.deepEqual([info.num_pending, info.num_ack_pending, info.ack_floor.stream_seq], [0, 0, 3]);
  assert.equal(await again.next({ expires: 1_000 }), null);
});

check("what is not acknowledged comes again", async (t) => {
  await stream(t, {}, "1", "2");
  await t.jsm.consumers.add(t.name, { durable_name: "worker", ack_policy: AckPolicy.Explicit });
  const worker = await t.js.consumers.get(t.name, "worker");
  const [refused, ended] = await take(await worker.fetch({ max_messages: 2 }), 2);
  ended.term("no such user");
  refused.nak(100);
  const again = await worker.next({ expires: 5_000 });
  assert.deepEqual([again.string(), again.info.deliveryCount], ["1", 2]);
});

check("consume goes on by itself", async (t) => {
  await stream(t, {});
  await t.jsm.consumers.add(t.name, { durable_name: "worker", ack_policy: AckPolicy.Explicit });
  const messages = await (await t.js.consumers.get(t.name, "worker")).consume({ max_messages: 10 });
  const bodies = Array.from({ length: 35 }, (_, number) => String(number));
  await Promise.all(bodies.map((body) => t.js.publish(`${t.name}.a`, body)));
  const seen = [];
  for await (const message of messages) {
    message.ack();
    if (seen.push(message.string()) === bodies.length) break;
  }
  assert.deepEqual(seen.toSorted(), bodies.toSorted());
});

check("an ordered consumer", async (t) => {
  const bodies = Array.from({ length: 50 }, (_, number) => String(number));
  await stream(t, {}, ...bodies);
  const ordered = await t.js.consumers.get(t.name, { filter_subjects: [`${t.name}.>`] });
  const messages = await take(await ordered.consume(), 50);
  assert.deepEqual(messages.map((message) => message.string()), bodies);
});

check("headers are kept", async (t) => {
  await stream(t, {});
  const sent = headers();
  sent.append("Kind", "a");
  sent.append("Kind", "b");
  await t.js.publish(`${t.name}.a`, "x", { headers: sent });
  const message = await t.jsm.streams.getMessage(t.name, { seq: 1 });
  assert.deepEqual(message.header.values("Kind"), ["a", "b"]);
});

check("a bucket", async (t) => {
  const kv = await new Kvm(t.js).create(t.name, { history: 3 });
  assert.equal(await kv.put("a", "1"), 1);
  assert.equal(await kv.update("a", "2", 1), 2);
  assert.equal(await failure(kv.update("a", "3", 1)), 10071);
  assert.equal(await failure(kv.create("a", "3")), 10071);
  await kv.put("b.c", "4");
  assert.deepEqual((await take(await kv.keys(), 2)).toSorted(), ["a", "b.c"]);
  await kv.delete("a");
  assert.equal((await kv.get("a")).operation, "DEL");
  assert.equal(await kv.create("a", "5"), 5);
  const history = [];
  for await (const entry of await kv.history({ key: "a" })) history.push([entry.operation, entry.string()]);
  assert.deepEqual(history, [["PUT", "2"], ["DEL", ""], ["PUT", "5"]]);
});

check("a watch tells what is and what comes", async (t) => {
  const kv = await new Kvm(t.js).create(t.name);
  await kv.put("a", "1");
  await kv.put("b", "2");
  const seen = [];
  for await (const entry of await kv.watch()) {
    if (seen.push([entry.key, entry.string(), entry.delta]) === 2) await kv.put("c", "3");
    if (seen.length === 3) break;
  }
  assert.deepEqual(seen, [["a", "1", 1], ["b", "2", 0], ["c", "3", 0]]);
});

check("an object of several chunks", async (t) => {
  const store = await new Objm(t.js).create(t.name);
  const data = new Uint8Array(512_000).map((_, at) => at % 251);
  const info = await store.putBlob({ name: "picture" }, data);
  assert.deepEqual([info.size, info.chunks], [512_000, 4]);
  const read = async () => new Uint8Array(await store.getBlob("picture"));
  assert.deepEqual(await read(), data);
  await store.putBlob({ name: "picture" }, new Uint8Array([1]));
  assert.deepEqual(await read(), new Uint8Array([1]));
  assert.deepEqual((await store.list()).map((info) => info.name), ["picture"]);
  await store.delete("picture");
  assert.equal(await store.getBlob("picture"), null);
});
