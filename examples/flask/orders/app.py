"""Orders, kept in memory: `POST /orders {"user": 1, "item": "tea"}` asks users who that is, at `$USERS_URL`."""

import json
import os
import urllib.error
import urllib.request

from flask import Flask, jsonify, request

app = Flask(__name__)
orders = []


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


@app.errorhandler(Refused)
def refused(error):
    return jsonify(error=str(error)), error.status


def find_user(number):
    try:
        with urllib.request.urlopen(f"{os.environ['USERS_URL']}/users/{number}", timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise Refused(404, f"there is no user {number}") from error
        raise Refused(502, f"users answered {error.code}") from error
    except OSError as error:
        raise Refused(503, f"users is not available: {error}") from error


@app.get("/healthz")
def healthz():
    return "ok"


@app.get("/orders")
def read():
    return jsonify(orders)


@app.post("/orders")
def place():
    body = request.get_json(force=True, silent=True)
    match body:
        case {"user": int(number), "item": str(item)} if item.strip():
            order = {"user": find_user(number)["name"], "item": item.strip()}
        case _:
            raise Refused(422, "an order needs the number of a user and an item")
    orders.append(order)
    return jsonify(order), 201
