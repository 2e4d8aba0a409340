import asyncio
import json
import os
import tempfile
import unittest
from types import SimpleNamespace
from unittest.mock import AsyncMock

from nats.errors import TimeoutError

from mailer import consume, database, keep, leave, newest, take

ORDER = {"id": "a1", "user": 1, "sku": "tea", "quantity": 2}


def delivered(data):
    return SimpleNamespace(data=data.encode(), ack=AsyncMock(), term=AsyncMock())


class Mails(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.environ["DATABASE_PATH"] = os.path.join(folder.name, "mailer.db")
        self.store = database()
        self.addCleanup(self.store.close)

    def test_an_order_has_one_mail_however_often_it_comes(self):
        self.assertEqual([keep(self.store, ORDER), keep(self.store, ORDER)], [True, False])
        mail = {"order": "a1", "user": 1, "text": "Your 2 tea will be with you soon."}
        self.assertEqual(newest(self.store), [mail])
        keep(self.store, {**ORDER, "id": "a2"})
        self.assertEqual([mail["order"] for mail in newest(self.store)], ["a2", "a1"])

    def test_it_goes_on_when_there_is_no_order_for_a_while(self):
        message = delivered(json.dumps(ORDER))
        answers = [TimeoutError(), asyncio.TimeoutError(), [message], asyncio.CancelledError()]
        stream = AsyncMock()
        stream.pull_subscribe.return_value.fetch.side_effect = answers
        with self.assertRaises(asyncio.CancelledError):
            asyncio.run(consume(stream))
        self.assertEqual(len(newest(self.store)), 1)
        message.ack.assert_awaited_once()

    def test_what_is_no_order_is_given_up(self):
        for data in ["{bad", "7", '{"id": "a1"}']:
            message = delivered(data)
            asyncio.run(take(self.store, message))
            message.term.assert_awaited_once()
            message.ack.assert_not_awaited()
        self.assertEqual(newest(self.store), [])

    def test_its_work_ends_before_its_connection(self):
        ended = []

        async def work():
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("work")

        async def close():
            ended.append("connection")

        async def stop():
            task = asyncio.create_task(work())
            await asyncio.sleep(0)
            await leave(SimpleNamespace(close=close), task)

        asyncio.run(stop())
        self.assertEqual(ended, ["work", "connection"])


if __name__ == "__main__":
    unittest.main()
