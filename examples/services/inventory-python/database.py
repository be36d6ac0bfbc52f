"""The SQLite file: one transaction at a time, and a commit returns when its data is on the disk."""

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from refusal import Refusal

SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
  sku           TEXT PRIMARY KEY,
  name          TEXT NOT NULL,
  currency_code TEXT NOT NULL,
  unit_price    INTEGER NOT NULL,
  on_hand       INTEGER NOT NULL,
  reserved      INTEGER NOT NULL,
  version       INTEGER NOT NULL,
  update_time   INTEGER NOT NULL,
  CHECK (0 <= reserved AND reserved <= on_hand)
);
CREATE TABLE IF NOT EXISTS reservations (
  order_id    TEXT PRIMARY KEY,
  state       INTEGER NOT NULL, -- inventory.v1.ReservationState
  owner       TEXT NOT NULL,
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS reservation_items (
  order_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  sku      TEXT NOT NULL,
  quantity INTEGER NOT NULL,
  PRIMARY KEY (order_id, position)
);
CREATE TABLE IF NOT EXISTS requests (
  method       TEXT NOT NULL,
  request_id   TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  response     BLOB NOT NULL,
  create_time  INTEGER NOT NULL,
  PRIMARY KEY (method, request_id)
);
CREATE INDEX IF NOT EXISTS requests_by_time ON requests (create_time);
"""

# How long the response of a request id is kept. The contract promises at least 7 days.
RETENTION_MS = 8 * 24 * 3_600_000

Response = TypeVar("Response", bound=Message)


class Database:
    def __init__(self, file: str) -> None:
        # The lock makes sharing the connection safe. If another process has locked the file, a transaction fails after 1 s.
        self._connection = sqlite3.connect(file, timeout=1, isolation_level=None, check_same_thread=False)
        self._lock = threading.Lock()
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commits at the end, or undoes everything if an exception is raised."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def once(
        self, method: str, request: Message, response_type: type[Response], work: Callable[[sqlite3.Connection], Response]
    ) -> Response:
        """Runs `work` and stores its response under the request id, in one transaction: a repeat gets what is stored.

        A refusal stores nothing, so the next attempt is decided again.
        """
        request_id = request.request_id.lower()
        with self.transaction() as tx:
            if request_id == "":
                return work(tx)
            query = "SELECT request_hash, response FROM requests WHERE method = ? AND request_id = ?"
            stored = tx.execute(query, (method, request_id)).fetchone()
            if stored is None:
                response = work(tx)
                now = now_ms()
                tx.execute("DELETE FROM requests WHERE create_time < ?", (now - RETENTION_MS,))
                values = (method, request_id, hash_of(request), response.SerializeToString(), now)
                tx.execute("INSERT INTO requests VALUES (?, ?, ?, ?, ?)", values)
                return response
            if stored["request_hash"] != hash_of(request):
                text = f"request_id {request_id} was already used for a different {method}: repeat that request or use a new id"
                raise Refusal(grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED", text)
            return response_type.FromString(stored["response"])

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def hash_of(request: Message) -> bytes:
    """Returns the hash of everything but the request id."""
    content = type(request)()
    content.CopyFrom(request)
    content.ClearField("request_id")
    return hashlib.sha256(content.SerializeToString(deterministic=True)).digest()


def now_ms() -> int:
    return time.time_ns() // 1_000_000
