"""A small HTTP service that keeps entries in a database it shares: what it has acknowledged is committed.

POST / writes one entry and answers with its number once the database has committed it. GET / tells how many there are and the
newest; GET /numbers lists the newest ten thousand. GET /healthz answers 200 while the service lives: that the database fails over
is no reason to restart a program. GET /ready answers 200 while it has the database. The settings are read anew for each
connection, for the password changes.

Given a folder, it also keeps a record there of every number that it acknowledged, one a line, for whoever must account for them
without the database; GET / tells how many lines it has.

Standard library only, for a node has no package index and this artifact no build step.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deployables.programs import mysql, postgres
else:  # on a node the files lie side by side, and in no package
    import mysql
    import postgres

PORT = 8080
TIMEOUT_S = 3.0  # of a connect and of each answer: a failed database is given up, and its successor found by the same name
IDLE_S = 10
Connect = type[postgres.Connection] | type[mysql.Connection]
# Each engine's words; MariaDB knows RETURNING from 10.5 on.
ENGINES: Mapping[str, tuple[Connect, str, str]] = {
    "postgres": (
        postgres.Connection,
        "CREATE TABLE IF NOT EXISTS entry (number bigserial PRIMARY KEY, written timestamptz NOT NULL DEFAULT now(), by text NOT NULL)",
        "INSERT INTO entry (by) VALUES ('{by}') RETURNING number",
    ),
    "mariadb": (
        mysql.Connection,
        "CREATE TABLE IF NOT EXISTS entry (number bigint AUTO_INCREMENT PRIMARY KEY, written timestamp NOT NULL DEFAULT now(), "
        "`by` varchar(64) NOT NULL) ENGINE=InnoDB",
        "INSERT INTO entry (`by`) VALUES ('{by}') RETURNING number",
    ),
}
TELL = "SELECT count(*), coalesce(max(number), 0) FROM entry"
NEWEST = "SELECT number FROM entry ORDER BY number DESC LIMIT 10000"
AGAIN_S = 0.5  # a database that was away a moment ago is not waited for by everybody, one after the other


class Entries:
    """One connection, made again after whatever went wrong. Safe to call from any thread. engine: of those that ENGINES knows."""

    def __init__(self, engine: str, file: Path, by: str) -> None:
        self._connect, self._table, self._write = ENGINES[engine]
        self._file, self._by = file, "".join(letter for letter in by if letter.isalnum() or letter == "-")
        self._lock = threading.Lock()
        self._connection: postgres.Connection | mysql.Connection | None = None
        self._away_at = -AGAIN_S

    def write(self) -> int:
        """The number of a new entry, once it is committed. Raises OSError, ServerSaid: then nobody knows whether it was."""
        return int(self._ask(self._write.format(by=self._by))[0][0])

    def tell(self) -> tuple[int, int]:
        """How many there are, and the newest's number. Raises OSError, ServerSaid."""
        [[count, newest]] = self._ask(TELL)
        return int(count), int(newest)

    def numbers(self) -> list[int]:
        """Of the newest, the latest first. Raises OSError, ServerSaid."""
        return [int(number) for [number] in self._ask(NEWEST)]

    def _ask(self, statement: str) -> list[list[str]]:
        with self._lock:
            if time.monotonic() - self._away_at < AGAIN_S:
                raise ConnectionError("the database was away a moment ago")
            try:
                if self._connection is None:
                    self._connection = self._connect(json.loads(self._file.read_text()), timeout_s=TIMEOUT_S)
                    self._connection.ask(self._table)
                return [[value or "" for value in row] for row in self._connection.ask(statement)]
            except BaseException:
                if self._connection is not None:
                    self._connection.close()
                self._connection, self._away_at = None, time.monotonic()
                raise


class Record:
    """The numbers that were acknowledged, one a line, in a file that is read at the start; without a folder, nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._file = None
        self._lock = threading.Lock()
        self.lines: int | None = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / "acknowledged").open("a+b")
            self._file.seek(0)
            self.lines = self._file.read().count(b"\n")

    def add(self, number: int) -> int:
        if self._file is not None and self.lines is not None:
            with self._lock:
                self._file.write(b"%d\n" % number)
                self._file.flush()
                os.fsync(self._file.fileno())
                self.lines += 1
        return number


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = IDLE_S

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._say(200, {"status": "ok"})
        elif self.path in ("/", "/ready"):
            self._try(
                lambda: dict(zip(("entries", "newest"), self.server.entries.tell(), strict=True)) | {"record": self.server.record.lines}
            )
        elif self.path == "/numbers":
            self._try(lambda: {"numbers": self.server.entries.numbers()})
        else:
            self._say(404, {"error": f"no such path: {self.path[:80]}"})

    def do_POST(self) -> None:
        self._try(lambda: {"committed": self.server.record.add(self.server.entries.write())})

    def _try(self, act: Callable[[], Mapping[str, Any]]) -> None:
        try:
            self._say(200, {"instance": self.server.host, **act()})
        except (OSError, postgres.ServerSaid, mysql.ServerSaid, LookupError, ValueError) as error:
            self._say(503, {"error": f"{type(error).__name__}: {error}"[:300]})

    def _say(self, status: int, value: object) -> None:
        body = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, entries: Entries, record: Record, host: str) -> None:
        self.entries, self.record, self.host = entries, record, host
        super().__init__(("", PORT), Handler)


def main() -> int:
    file = os.environ.get("UNDERSTUDY_DATABASE_FILE", "")
    if not file:
        print("ledger: UNDERSTUDY_DATABASE_FILE is not set: the assembly needs reaches: [database]", file=sys.stderr)
        return 2
    engine = os.environ.get("UNDERSTUDY_DATABASE_ENGINE", "")
    if engine not in ENGINES:
        print(f"ledger: UNDERSTUDY_DATABASE_ENGINE is {engine!r}; this program speaks to {' and '.join(ENGINES)}", file=sys.stderr)
        return 2
    host = os.environ.get("UNDERSTUDY_INSTANCE", socket.gethostname())
    record = Record(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    Server(Entries(engine, Path(file), host), record, host).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
