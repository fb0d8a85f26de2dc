"""The lab's own eyes: a client at the front, and a census of which machines serve; threads on real sockets."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import BotoCoreError, ClientError

from lab.drills.measure import Sample

_PERIOD_S = 0.05
_TIMEOUT_S = 0.5


def _any_certificate() -> ssl.SSLContext:
    """The lab's balancers have certificates for which nobody vouches."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


_TLS = _any_certificate()


def ask(address: str, port: int, *, timeout_s: float = _TIMEOUT_S, tls: bool = False) -> Sample:
    """One HTTP GET / on a fresh connection. Answered means a whole response below 500.

    A server that speaks something else and answers in its own words has answered too; a connection
    that is only accepted has not: a hung machine's kernel does that as well.
    """
    began = time.time()
    connection = http.client.HTTPConnection(address, port, timeout=timeout_s)
    if tls:
        connection = http.client.HTTPSConnection(address, port, timeout=timeout_s, context=_TLS)
    by, ok = "", False
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read(65536)
        ok = response.status < 500
        by = _who(body)
    except http.client.BadStatusLine as error:
        ok = bool(str(error).strip("' ")) and not isinstance(error, http.client.RemoteDisconnected)
    except (OSError, http.client.HTTPException):
        ok = False
    finally:
        connection.close()
    return Sample(began, time.time(), ok, by)


def ask_front(find: Callable[[], str], port: int, *, tls: bool = False) -> Sample:
    """The same of what must be found first: that it cannot be found is no answer either."""
    began = time.time()
    try:
        address = find()
    except OSError:
        return Sample(began, time.time(), False)
    return ask(address, port, tls=tls)


def _who(body: bytes) -> str:
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    return str(value.get("instance", "")) if isinstance(value, dict) else ""


class _Rounds:
    """Does one thing again and again in a thread of its own, from start() to stop()."""

    def __init__(self, name: str, period_s: float, once: Callable[[], None]) -> None:
        self._period_s, self._once = period_s, once
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=name)

    def _run(self) -> None:
        while not self._stop.wait(self._period_s):
            self._once()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)


class Client:
    """Asks the front every 50 ms and keeps what it saw (bounded: the newest 40,000 samples)."""

    def __init__(self, find: Callable[[], str], port: int, *, tls: bool = False) -> None:
        """find: gives the address to connect to; raises OSError while there is none."""
        self._find, self.port, self._tls = find, port, tls
        self.samples: list[Sample] = []
        self._rounds = _Rounds("client", _PERIOD_S, self._look)
        self.start, self.stop = self._rounds.start, self._rounds.stop

    def _look(self) -> None:
        self.samples.append(ask_front(self._find, self.port, tls=self._tls))
        if len(self.samples) > 40_000:
            del self.samples[:20_000]

    def good_since(self, at: float, *, count: int) -> bool:
        """Whether the last `count` samples are good and all began after `at`."""
        last = self.samples[-count:]
        return len(last) == count and all(sample.ok and sample.began > at for sample in last)


class Census:
    """Asks every running machine directly, at its private address, who serves; a round every 100 ms (the newest 20,000 are kept)."""

    def __init__(self, machines: Callable[[], dict[str, str]], port: int) -> None:
        self._machines, self._port = machines, port
        self.rounds: list[tuple[float, frozenset[str]]] = []
        self._known: dict[str, str] = {}
        self._refreshed = 0.0
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="census")
        self._rounds = _Rounds("census", 0.1, self._count)
        self.start = self._rounds.start

    def stop(self) -> None:
        self._rounds.stop()
        self._pool.shutdown(wait=False)

    def _count(self) -> None:
        if time.monotonic() - self._refreshed > 0.5:
            try:
                self._known, self._refreshed = self._machines(), time.monotonic()
            except (BotoCoreError, ClientError):
                return  # the emulator is busy or going down; whoever guards it will say so
        at = time.time()
        answers = list(self._pool.map(lambda pair: (pair[0], ask(pair[1], self._port, timeout_s=0.3).ok), self._known.items()))
        self.rounds.append((at, frozenset(instance for instance, ok in answers if ok)))
        if len(self.rounds) > 20_000:
            del self.rounds[:10_000]
