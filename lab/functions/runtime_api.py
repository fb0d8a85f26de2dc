"""The Lambda Runtime API, as one small HTTP endpoint for each execution environment.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PREFIX = "/2018-06-01/runtime"
RESPONSE_BYTES_MAX = 6_291_556  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_POLL_S = 0.5  # how often a waiting /next looks whether its environment still lives


@dataclass(frozen=True, slots=True)
class Work:
    """One invocation as the runtime receives it. deadline_ms: Unix time. trace: its tracing header."""

    request_id: str
    payload: bytes
    deadline_ms: int
    function_arn: str
    trace: str


@dataclass(frozen=True, slots=True)
class Answer:
    """error: the function reported a failure, and payload is its error object."""

    payload: bytes
    error: bool
    too_large: bool = False


class RuntimeApi:
    """Hands one piece of work at a time to the runtime, and takes its answer. Safe between threads."""

    def __init__(self, host: str) -> None:
        self._changed = threading.Condition()
        self._work: Work | None = None
        self._current: str | None = None
        self._answers: dict[str, Answer] = {}
        self._init_error: bytes | None = None
        self._ready = False
        self._closed = False
        self._server = ThreadingHTTPServer((host, 0), _handler(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True, name="runtime-api").start()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def give(self, work: Work) -> None:
        with self._changed:
            self._work, self._ready = work, False
            self._changed.notify_all()

    def wait_ready(self, timeout_s: float) -> bool:
        """True once the runtime asks for work, or has said why it cannot."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ready or self._init_error is not None, timeout_s)

    def wait_answer(self, request_id: str, timeout_s: float) -> Answer | None:
        with self._changed:
            self._changed.wait_for(lambda: request_id in self._answers, timeout_s)
            return self._answers.pop(request_id, None)

    @property
    def init_error(self) -> bytes | None:
        return self._init_error

    def _next(self) -> Work | None:
        with self._changed:
            self._ready = True
            self._changed.notify_all()
            while self._work is None and not self._closed:
                self._changed.wait(_POLL_S)
            work, self._work = self._work, None
            self._current = work.request_id if work else None
            return work

    def _answer(self, request_id: str, answer: Answer) -> bool:
        with self._changed:
            if request_id != self._current:
                return False
            self._current = None
            self._answers[request_id] = answer
            self._changed.notify_all()
            return True

    def _fail_init(self, payload: bytes) -> None:
        with self._changed:
            self._init_error = payload
            self._changed.notify_all()


def _handler(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: the journal says what matters."""

        def do_GET(self) -> None:
            if self.path != f"{_PREFIX}/invocation/next":
                return self._send(404, b"{}")
            work = api._next()
            if work is None:
                self.close_connection = True
                return self._send(410, b"{}")
            headers = {
                "Lambda-Runtime-Aws-Request-Id": work.request_id,
                "Lambda-Runtime-Deadline-Ms": str(work.deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": work.function_arn,
                "Lambda-Runtime-Trace-Id": work.trace,
            }
            return self._send(200, work.payload, headers)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            too_large = length > RESPONSE_BYTES_MAX
            body = self.rfile.read(min(length, RESPONSE_BYTES_MAX + 1))
            self.close_connection = self.close_connection or too_large
            if self.path == f"{_PREFIX}/init/error":
                api._fail_init(body)
                return self._send(202, b'{"status":"OK"}')
            parts = self.path.removeprefix(f"{_PREFIX}/invocation/").split("/")
            if len(parts) != 2 or parts[1] not in ("response", "error"):
                return self._send(404, b"{}")
            taken = api._answer(parts[0], Answer(body, parts[1] == "error", too_large))
            return self._send(413 if too_large else 202 if taken else 400, b'{"status":"OK"}')

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            try:
                self.send_response(status)
                for key, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # the runtime died; its environment finds out by itself
                self.close_connection = True

    return Handler
