"""Users in a SQLite file: `GET /users/<id>` and `POST /users {"name": "Ada"}`."""

import os
import sqlite3

from flask import Flask, g, jsonify, request

app = Flask(__name__)


def database():
    if "database" not in g:
        g.database = sqlite3.connect(os.environ["DATABASE_PATH"], timeout=5)
        g.database.execute("CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    return g.database


@app.teardown_appcontext
def close_database(_error):
    if "database" in g:
        g.database.close()


@app.get("/healthz")
def healthz():
    return "ok"


@app.get("/users/<int:number>")
def read(number):
    row = database().execute("SELECT id, name FROM users WHERE id = ?", [number]).fetchone()
    if row is None:
        return jsonify(error=f"there is no user {number}"), 404
    return jsonify(id=row[0], name=row[1])


@app.post("/users")
def create():
    body = request.get_json(force=True, silent=True)
    name = body.get("name") if isinstance(body, dict) else None
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= 80:
        return jsonify(error="a user needs a name of 1 to 80 characters"), 422
    with database() as transaction:
        number = transaction.execute("INSERT INTO users (name) VALUES (?)", [name.strip()]).lastrowid
    return jsonify(id=number, name=name.strip()), 201, {"Location": f"/users/{number}"}
