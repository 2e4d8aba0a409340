import os
import tempfile
import unittest

from mailer import database, keep, newest

ORDER = {"id": "a1", "user": 1, "sku": "tea", "quantity": 2}


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


if __name__ == "__main__":
    unittest.main()
