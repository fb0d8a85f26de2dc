"""Thousands of short questions: what counts as an answer, and that a prober that is late itself calls nobody silent."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from lambdas.adapters import asking, questions
from lambdas.adapters.asking import Address, look_at_all
from lambdas.adapters.clients import WorldFailed
from lambdas.adapters.questions import Heard, Question


@contextlib.contextmanager
def port(*says: bytes, wait_s: float = 0.0, shut: bool = True) -> Iterator[int]:
    """Says one piece after the other to whoever asks something, then hangs up if `shut`."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        kept = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    kept.append(connection)
                    connection.recv(1024)
                    for piece in says:
                        connection.sendall(piece)
                        time.sleep(wait_s)
                    if shut:
                        connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


def asked(*ports: int, timeout_s: float = 0.5, at_once: int = 10, **more: bytes) -> list[Heard]:
    return questions.ask([Question("127.0.0.1", p, b"ping\r\n", **more) for p in ports], timeout_s=timeout_s, at_once=at_once)


def test_the_first_line_is_the_answer_whether_or_not_more_follows() -> None:
    with port(b"OK\r\nmore\r\n") as a, port(b"O", b"K\r\n", wait_s=0.05, shut=False) as b, port(b"no end of line") as c:
        heard = asked(a, b, c)

    assert [each.line for each in heard] == [b"OK\r", b"OK\r", b"no end of line"]


def test_answers_come_in_the_order_of_the_questions_however_few_are_asked_at_once() -> None:
    with port(b"one\n") as a, port(b"two\n") as b:
        assert [each.line for each in asked(*[a, b] * 30, at_once=2)] == [b"one", b"two"] * 30


def test_silence_costs_one_timeout_however_many_are_silent() -> None:
    with port(shut=False) as silent:
        began_s = time.monotonic()
        heard = asked(*[silent] * 20, timeout_s=0.3, at_once=20)

    assert {each.trouble for each in heard} == {"no answer within 0.3 s"}
    assert time.monotonic() - began_s < 1.0


def test_what_has_arrived_counts_though_the_prober_itself_was_late() -> None:
    """A function that gets no processor for seconds must not call its nodes silent: what lies there by then is read first."""

    class Late:
        """Nothing at first; from the poll that brings the answer on, the deadline is long over."""

        asked = 0

        def __call__(self) -> float:
            self.asked += 1  # 1: when it begins; 2 and 3: before and after the poll that tells of the connection; 4: before the next
            time.sleep(0.05)
            return 0.0 if self.asked <= 4 else 100.0

    with port(b"OK\r\n") as a:
        (heard,) = questions.ask([Question("127.0.0.1", a, b"ping\r\n")], timeout_s=2.0, at_once=1, now_s=Late())

    assert heard.line == b"OK\r"


def test_refused_reset_and_flooded_are_told_apart(free_port: int) -> None:
    with port(b"x" * 5000) as flood:
        refused, flooded = asked(free_port, flood)

    assert refused.trouble.startswith("ConnectionRefusedError")
    assert flooded.trouble.startswith("ValueError: a line of more than 512 bytes")


def test_no_more_connections_are_open_than_are_allowed() -> None:
    before = len(os.listdir("/proc/self/fd"))
    most = 0

    def clock() -> float:
        nonlocal most
        most = max(most, len(os.listdir("/proc/self/fd")) - before)
        return time.monotonic()

    with port(b"OK\n") as a:
        questions.ask([Question("127.0.0.1", a, b"ping\n")] * 40, timeout_s=1.0, at_once=5, now_s=clock)

    assert most <= 5 + 3 + 40  # ours, the poll, the listener and what its thread keeps
    assert len(os.listdir("/proc/self/fd")) <= before + 41


def test_a_prober_without_descriptors_says_so_and_calls_nobody_failing(monkeypatch: pytest.MonkeyPatch) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    network = asking.IPv4Network("127.0.0.0/8")
    with port(shut=False) as a:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 4, hard))
        try:
            with pytest.raises(WorldFailed, match="Too many open files"):
                look_at_all([Address("127.0.0.1", a, a, network)] * 50, now_ms=lambda: 1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
