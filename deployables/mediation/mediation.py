"""A small mediation platform, in two programs: `mediation.py platform FOLDER` keeps what was used, `mediation.py execution` collects it.

Network elements send their records to an execution context: POST / with {"id": TEXT, "records": [[KIND, AMOUNT], ...]}, on port 9001.
It sums them up by kind and delivers them to the platform, which it finds by name, on port 9000; only when the platform has them on
its disk is the sender answered. A record that was not acknowledged is sent again, with the same id, and counted once.

GET / of either says what it has done; GET /healthz answers 200 while it lives. Standard library only.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

PLATFORM_PORT, EXECUTION_PORT = 9000, 9001
PLATFORM_HOST = os.environ.get("MZ_PLATFORM_HOST", "platform.mz.internal")
TIMEOUT_S = 2.0
IDLE_S = 10
BODY_BYTES_MAX = 1 << 20
IDS_KEPT = 100_000  # of the newest deliveries: a sender does not come back after that many


class Refused(ValueError):
    """What was sent cannot be read: says why."""


class Part(Protocol):
    """What answers behind the HTTP port."""

    def tell(self) -> dict[str, Any]:
        """What it has done so far."""

    def take(self, sent: dict[str, Any]) -> dict[str, Any]:
        """Raises Refused; OSError and http.client.HTTPException when what it needs is away."""


class Platform:
    """Totals by kind, in a file of one line a delivery: read at the start, written and flushed before a delivery is answered."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._totals: Counter[str] = Counter()
        self._ids: dict[str, None] = {}
        file = folder / "usage.jsonl"
        if file.exists():
            for line in file.read_bytes().split(b"\n")[:-1]:  # what follows the last line's end was never answered
                self._count(json.loads(line))
            whole = file.read_bytes().rpartition(b"\n")
            file.write_bytes(whole[0] + whole[1])
        self._journal = file.open("ab")

    def _count(self, delivery: dict[str, Any]) -> None:
        self._ids[delivery["id"]] = None
        if len(self._ids) > IDS_KEPT:
            del self._ids[next(iter(self._ids))]
        self._totals.update(delivery["sums"])

    def tell(self) -> dict[str, Any]:
        with self._lock:
            return {"totals": dict(self._totals), "deliveries": len(self._ids)}

    def take(self, sent: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(sent.get("id"), str) or not isinstance(sent.get("sums"), dict):
            raise Refused('send {"id": TEXT, "sums": {KIND: AMOUNT}}')
        with self._lock:
            if sent["id"] in self._ids:
                return {"known": True}
            self._journal.write(json.dumps({"id": sent["id"], "sums": sent["sums"]}).encode() + b"\n")
            self._journal.flush()
            os.fsync(self._journal.fileno())
            self._count(sent)
            return {"known": False}


class Execution:
    """Keeps nothing: what it has taken is the platform's before it says so."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._collected = 0

    def tell(self) -> dict[str, Any]:
        try:
            where = socket.gethostbyname(PLATFORM_HOST)
        except OSError:
            where = None
        return {"collected": self._collected, "platform": where}

    def take(self, sent: dict[str, Any]) -> dict[str, Any]:
        sums: Counter[str] = Counter()
        try:
            for kind, amount in sent["records"]:
                sums[str(kind)] += int(amount)
            delivery = {"id": str(sent["id"]), "sums": dict(sums)}
        except (KeyError, TypeError, ValueError) as error:
            raise Refused('send {"id": TEXT, "records": [[KIND, AMOUNT], ...]}') from error
        connection = http.client.HTTPConnection(PLATFORM_HOST, PLATFORM_PORT, timeout=TIMEOUT_S)
        try:
            connection.request("POST", "/", json.dumps(delivery))
            answer = connection.getresponse()
            body = json.loads(answer.read(BODY_BYTES_MAX))
        finally:
            connection.close()
        if answer.status != 200:
            raise ConnectionError(f"the platform answered {answer.status}")
        with self._lock:
            self._collected += len(sent["records"])
        return {"delivered": delivery["sums"], "known": body["known"]}


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = IDLE_S

    def do_GET(self) -> None:
        match self.path:
            case "/healthz":
                self._say(200, {"status": "ok"})
            case "/":
                self._say(200, {"instance": self.server.host, **self.server.part.tell()})
            case _:
                self._say(404, {"error": "there are / and /healthz"})

    def do_POST(self) -> None:
        try:
            sent = json.loads(self.rfile.read(min(int(self.headers.get("Content-Length", 0)), BODY_BYTES_MAX)))
            if not isinstance(sent, dict):
                raise Refused("send an object")
            self._say(200, {"instance": self.server.host, **self.server.part.take(sent)})
        except ValueError as error:
            self._say(400, {"error": str(error)[:300]})
        except (OSError, http.client.HTTPException) as error:
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


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, part: Part) -> None:
        self.part, self.host = part, os.environ.get("UNDERSTUDY_INSTANCE") or socket.gethostname()
        super().__init__(("", port), Handler)


def main() -> int:
    match sys.argv[1:]:
        case ["platform", folder]:
            Server(PLATFORM_PORT, Platform(Path(folder))).serve_forever()
        case ["execution"]:
            Server(EXECUTION_PORT, Execution()).serve_forever()
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
