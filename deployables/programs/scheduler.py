"""A scheduler that must run exactly once: it works jobs off one step at a time, and a job that was under way goes on where it stood.

POST / with {"steps": N} queues a job and answers with its number once the database has committed it. GET /jobs/NUMBER tells how
far it is, and who made how many of its steps. GET / tells of all jobs. GET /healthz answers 200 while the service lives.

A step and its record are one transaction, and the record's key is (job, step): no step is made twice, whatever happens between
them. Every write says the epoch that the agent handed to this program, and the database takes none from an older one: a scheduler
that was superseded, and does not know it yet, can do nothing any more.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deployables.programs.postgres import Connection, ServerSaid
else:  # on a node the two files lie side by side, and in no package
    from postgres import Connection, ServerSaid

PORT = 8080
TIMEOUT_S = 3.0  # of a connect and of each answer: a failed database is given up, and its successor found by the same name
STEP_S = 0.2  # what a step takes; a step of your own would do something
LOOK_S = 0.5  # how often it looks for work, and how long it waits for a database that was away
STEPS_MAX = 100_000
BODY_BYTES_MAX = 4096
IDLE_S = 10
SCHEMA = """
CREATE TABLE IF NOT EXISTS job (number bigserial PRIMARY KEY, steps integer NOT NULL, done integer NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS step (job bigint REFERENCES job, step integer, by text NOT NULL, epoch bigint NOT NULL, PRIMARY KEY (job, step));
CREATE TABLE IF NOT EXISTS leader (one boolean PRIMARY KEY DEFAULT true CHECK (one), epoch bigint NOT NULL);
INSERT INTO leader (epoch) VALUES (0) ON CONFLICT DO NOTHING
"""
LEAD = "UPDATE leader SET epoch = {epoch} WHERE epoch <= {epoch} RETURNING epoch"
NEXT = "SELECT number, done, steps FROM job WHERE done < steps ORDER BY number LIMIT 1"
# The lock holds whoever leads next until this is committed; of an older epoch it finds no row, and then nothing is written.
MAKE = """
WITH mine AS (SELECT epoch FROM leader WHERE epoch = {epoch} FOR SHARE),
     made AS (INSERT INTO step (job, step, by, epoch) SELECT {job}, {step}, '{by}', epoch FROM mine RETURNING step)
UPDATE job SET done = {step} FROM made WHERE number = {job} AND done = {step} - 1 RETURNING done
"""
QUEUE = "INSERT INTO job (steps) VALUES ({steps}) RETURNING number"
ALL = "SELECT count(*), count(*) FILTER (WHERE done = steps), coalesce(sum(done), 0) FROM job"
ONE = "SELECT steps, done FROM job WHERE number = {job}"
MADE = "SELECT by, count(*), count(DISTINCT step) FROM step WHERE job = {job} GROUP BY by"


class Superseded(Exception):
    """Somebody leads under a newer epoch."""


class Database:
    """One connection for one thread, made again after whatever went wrong. Raises OSError, ServerSaid, KeyError, ValueError."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection: Connection | None = None

    def ask(self, statement: str) -> list[list[str]]:
        try:
            if self._connection is None:
                # Read anew each time, for the password changes.
                self._connection = Connection(json.loads(self._file.read_text()), timeout_s=TIMEOUT_S)
                self._connection.ask(SCHEMA)
            return [[value or "" for value in row] for row in self._connection.ask(statement)]
        except BaseException:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            raise


class Worker(threading.Thread):
    """Works the oldest unfinished job off; says on its way out why it stopped."""

    def __init__(self, database: Database, by: str, epoch: int) -> None:
        super().__init__(daemon=True, name="worker")
        self._database, self._epoch = database, epoch
        self._by = "".join(letter for letter in by if letter.isalnum() or letter == "-")

    def run(self) -> None:
        led = False
        while True:
            try:
                if not led:
                    self._lead()
                    led = True
                if not self._step():
                    time.sleep(LOOK_S)
            except Superseded as error:
                print(f"scheduler: {error}", file=sys.stderr, flush=True)
                os._exit(1)  # the agent says what comes next
            except (OSError, ServerSaid, LookupError, ValueError) as error:
                print(f"scheduler: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                time.sleep(LOOK_S)

    def _lead(self) -> None:
        if not self._database.ask(LEAD.format(epoch=self._epoch)):
            raise Superseded(f"somebody leads under a newer epoch than {self._epoch}")
        found = self._database.ask(NEXT)
        if found and int(found[0][1]):
            print(f"scheduler: goes on with job {found[0][0]} after step {found[0][1]} of {found[0][2]}", flush=True)

    def _step(self) -> bool:
        """Whether there was one to make."""
        found = self._database.ask(NEXT)
        if not found:
            return False
        job, done = int(found[0][0]), int(found[0][1])
        time.sleep(STEP_S)  # the work
        if not self._database.ask(MAKE.format(epoch=self._epoch, job=job, step=done + 1, by=self._by)):
            raise Superseded(f"step {done + 1} of job {job} is not ours to make any more")
        return True


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = IDLE_S

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._say(200, {"status": "ok"})
        elif self.path == "/":
            self._try(lambda ask: dict(zip(("jobs", "finished", "steps"), map(int, ask(ALL)[0]), strict=True)))
        elif match := re.fullmatch(r"/jobs/(\d{1,15})", self.path):
            self._try(lambda ask: _job(ask, int(match[1])))
        else:
            self._say(404, {"error": f"no such path: {self.path[:80]}"})

    def do_POST(self) -> None:
        try:
            steps = int(json.loads(self.rfile.read(min(int(self.headers.get("Content-Length", 0)), BODY_BYTES_MAX)))["steps"])
        except (ValueError, KeyError, TypeError):
            self._say(400, {"error": 'send {"steps": N}'})
            return
        if not 1 <= steps <= STEPS_MAX:
            self._say(400, {"error": f"steps is {steps}: use 1 to {STEPS_MAX}"})
            return
        self._try(lambda ask: {"job": int(ask(QUEUE.format(steps=steps))[0][0])})

    def _try(self, act: Callable[[Callable[[str], list[list[str]]]], Mapping[str, Any]]) -> None:
        try:
            with self.server.asking:
                told = act(self.server.database.ask)
            self._say(200, {"instance": self.server.host, **told})
        except (OSError, ServerSaid, LookupError, ValueError) as error:
            self._say(503, {"instance": self.server.host, "error": f"{type(error).__name__}: {error}"[:300]})

    def _say(self, status: int, value: object) -> None:
        body = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


def _job(ask: Callable[[str], list[list[str]]], number: int) -> dict[str, Any]:
    """made: how many steps each machine made; different: of how many numbers."""
    [[steps, done]] = ask(ONE.format(job=number)) or [["0", "0"]]
    rows = ask(MADE.format(job=number))
    made = {by: int(count) for by, count, _ in rows}
    return {"job": number, "steps": int(steps), "done": int(done), "made": made, "different": sum(int(row[2]) for row in rows)}


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, database: Database, host: str) -> None:
        self.database, self.host, self.asking = database, host, threading.Lock()
        super().__init__(("", PORT), Handler)


def main() -> int:
    file, epoch = os.environ.get("UNDERSTUDY_DATABASE_FILE", ""), os.environ.get("UNDERSTUDY_EPOCH", "")
    if not file or not epoch.isdigit():
        print("scheduler: needs UNDERSTUDY_DATABASE_FILE (reaches: [database]) and UNDERSTUDY_EPOCH", file=sys.stderr)
        return 2
    host = os.environ.get("UNDERSTUDY_INSTANCE", socket.gethostname())
    Worker(Database(Path(file)), host, int(epoch)).start()
    Server(Database(Path(file)), host).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
