import os
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer

import app as orders


class Users(BaseHTTPRequestHandler):
    """Knows user 1; user 3 makes it fail."""

    def do_GET(self):
        status = {"/users/1": 200, "/users/3": 500}.get(self.path, 404)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b'{"id": 1, "name": "Ada"}')

    def log_message(self, *_):
        pass


class Orders(unittest.TestCase):
    def setUp(self):
        users = HTTPServer(("127.0.0.1", 0), Users)
        thread = threading.Thread(target=users.serve_forever)
        thread.start()
        self.addCleanup(lambda: (users.shutdown(), thread.join(), users.server_close()))
        os.environ["USERS_URL"] = f"http://127.0.0.1:{users.server_port}"
        orders.orders.clear()
        self.client = orders.app.test_client()

    def place(self, **body):
        answer = self.client.post("/orders", json=body)
        return answer.status_code, answer.json

    def test_an_order_names_its_user(self):
        self.assertEqual(self.place(user=1, item="tea"), (201, {"user": "Ada", "item": "tea"}))
        self.assertEqual(self.client.get("/orders").json, [{"user": "Ada", "item": "tea"}])

    def test_refusals(self):
        self.assertEqual(self.place(user=2, item="tea"), (404, {"error": "there is no user 2"}))
        self.assertEqual(self.place(user=3, item="tea"), (502, {"error": "users answered 500"}))
        for body in [{"user": "1", "item": "tea"}, {"user": 1}, {"user": 1, "item": " "}]:
            self.assertEqual(self.place(**body)[0], 422, body)
        os.environ["USERS_URL"] = "http://127.0.0.1:1"
        self.assertEqual(self.place(user=1, item="tea")[0], 503)


if __name__ == "__main__":
    unittest.main()
