"""A small HTTP service with a counter on its own disk: something to kill and see come back.

GET / says who answers and how far it has counted. POST /, or GET /hit, counts one more; the new count is on the disk
before it is answered. GET /healthz answers 200 while the service lives. Standard library only, one file.

So that what keeps it alive can be drilled, it misbehaves on request: on SIGUSR1 it does what the file `trouble` in its
folder says. Both take root on its machine, and nothing of it happens by itself. The file holds one line, one of:

    leak BYTES     its memory grows by so many bytes a second, until it is ended
    hold-port      a process that it leaves behind keeps its port open, whatever becomes of itself
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer

PORT = 8080
IDLE_S = 10  # a silent connection is closed after this long
LEAK_BYTES_MAX = 256 << 20  # a second
BODY_BYTES_MAX = 64 * 1024  # a longer body is not read: the connection is closed


class Counter:
    """A number that survives a restart of this program, though not the loss of its disk.

    It is written to a new file, flushed to the disk and then renamed over the old one, so that a
    kill at any moment leaves the old number or the new one, never half of either.
    """

    def __init__(self, folder: Path) -> None:
        """Raises ValueError when the file holds something that is not a count."""
        self._folder = folder
        self._file = folder / "count"
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        text = self._file.read_text(encoding="ascii").strip() if self._file.exists() else "0"
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise ValueError(f"{self._file} holds {text[:40]!r}, not a count: move it away to begin at 0")
        self.value = self._saved = int(text)
        self._counted: deque[tuple[float, int]] = deque(maxlen=100_000)  # when each was on the disk

    def hit(self) -> int:
        """Count one more and give the new count, once it is on the disk."""
        with self._lock:
            new = self._file.with_suffix(".new")
            with new.open("w", encoding="ascii") as stream:
                stream.write(f"{self.value + 1}\n")
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(self._file)
            folder = os.open(self._folder, os.O_RDONLY)  # the rename itself is on the disk only after this
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            self.value += 1
            self._counted.append((time.monotonic(), self.value))
            return self.value

    def saved(self) -> int | None:
        """How far the count is safe from the loss of this machine; None where nobody saves it.

        Whoever saves tells in a file when the last save began, on the clock that all programs of a machine share: what was
        on the disk by then is in it.
        """
        try:
            with open(os.environ["UNDERSTUDY_SAVED"], encoding="ascii") as stream:
                began_s = float(json.load(stream)["began_monotonic_s"])
        except (KeyError, TypeError, ValueError):
            return None
        except OSError:
            return self._saved  # nothing was saved yet, or not since it was restored
        with self._lock:
            while self._counted and self._counted[0][0] < began_s:
                self._saved = self._counted.popleft()[1]
        return self._saved


class Handler(BaseHTTPRequestHandler):
    """The three addresses of the service."""

    protocol_version = "HTTP/1.1"
    server_version = "counter"
    timeout = IDLE_S
    counter: Counter
    started: str

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/":
                self._answer(200, self._about(self.counter.value))
            case "/hit":
                self._answer(200, self._about(self.counter.hit()))
            case "/healthz":
                self._answer(200, {"ok": True})
            case _:
                self._answer(404, {"error": "there are /, /hit and /healthz"})

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit() and int(length) <= BODY_BYTES_MAX):
            self.close_connection = True
            self._answer(413, {"error": f"send a body of at most {BODY_BYTES_MAX} bytes, with its Content-Length"})
            return
        self.rfile.read(int(length))
        if self.path.partition("?")[0] == "/":
            self._answer(200, self._about(self.counter.hit()))
        else:
            self._answer(404, {"error": "POST to /"})

    def _about(self, count: int) -> dict[str, object]:
        return {
            "instance": os.environ.get("UNDERSTUDY_INSTANCE") or socket.gethostname(),
            "count": count,
            "saved": self.counter.saved(),
            "epoch": os.environ.get("UNDERSTUDY_EPOCH"),
            "started": self.started,
        }

    def _answer(self, status: int, body: dict[str, object]) -> None:
        data = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request: a probe every few seconds is not news."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Bind, without the look-up of this machine's name that the base class makes: there may be nobody to answer it."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "counter", PORT

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up in the middle is its own affair; anything else is told."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # typed wider than socketserver does


def make_trouble(folder: Path, port: socket.socket) -> None:
    """What the file asks for, at once; anything that cannot be done is said, and ignored."""
    try:
        word, _, argument = (folder / "trouble").read_text(encoding="ascii").strip().partition(" ")
    except (OSError, ValueError) as error:
        print(f"counter: asked for trouble, but for which? {error}", file=sys.stderr)
        return
    if word == "leak" and argument.isdigit() and 0 < int(argument) <= LEAK_BYTES_MAX:
        threading.Thread(target=leak, args=(int(argument),), daemon=True, name="leak").start()
    elif word == "hold-port" and not argument:
        # setsid(1) forks: its child has a session of its own, no parent of ours, and our port.
        subprocess.run(["setsid", "--fork", "sleep", "86400"], pass_fds=[port.fileno()], check=False)
    else:
        print(f"counter: there is no trouble called {word[:40]!r}", file=sys.stderr)


def leak(bytes_per_s: int) -> None:
    kept = []
    while True:
        kept.append(b"x" * (bytes_per_s // 10))
        time.sleep(0.1)


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "/var/lib/counter")
    try:
        Handler.counter = Counter(folder)
        Handler.started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        server = Server(("0.0.0.0", PORT), Handler)  # noqa: S104 - clients come through the front; the security group says from where
    except (OSError, ValueError) as error:
        print(f"counter: {error}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGUSR1, lambda *_: make_trouble(folder, server.socket))
    print(f"counter: on port {PORT}, at {Handler.counter.value}", flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
