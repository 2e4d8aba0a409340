import os
import tempfile
import unittest

from app import app


class Users(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.environ["DATABASE_PATH"] = os.path.join(folder.name, "users.db")
        self.client = app.test_client()

    def test_a_user_is_read_as_created(self):
        created = self.client.post("/users", json={"name": " Ada "})
        self.assertEqual((created.status_code, created.headers["Location"]), (201, "/users/1"))
        self.assertEqual(self.client.get("/users/1").json, {"id": 1, "name": "Ada"})

    def test_refusals(self):
        for body in ['{"name": " "}', '{"name": 1}', "{}", "[]", "no json"]:
            self.assertEqual(self.client.post("/users", data=body).status_code, 422, body)
        self.assertEqual(self.client.get("/users/7").json, {"error": "there is no user 7"})


if __name__ == "__main__":
    unittest.main()
