"""The lab's own eyes: a client at the front, and a census of which machines serve; threads on real sockets."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import BotoCoreError, ClientError

from lab.drills.measure import Sample

_PERIOD_S = 0.05
_TIMEOUT_S = 0.5


def ask(address: str, port: int, *, timeout_s: float = _TIMEOUT_S) -> Sample:
    """One HTTP GET / on a fresh connection. Answered means a whole response below 500.

    A server that speaks something else and answers in its own words has answered too; a connection
    that is only accepted has not: a hung machine's kernel does that as well.
    """
    began = time.time()
    connection = http.client.HTTPConnection(address, port, timeout=timeout_s)
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


def _who(body: bytes) -> str:
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    return str(value.get("instance", "")) if isinstance(value, dict) else ""


class Client:
    """Asks the front every 50 ms and keeps what it saw (bounded: the newest 40,000 samples)."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port = address, port
        self.samples: list[Sample] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="client")

    def start(self) -> Client:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.wait(_PERIOD_S):
            self.samples.append(ask(self.address, self.port))
            if len(self.samples) > 40_000:
                del self.samples[:20_000]

    def good_since(self, at: float, *, count: int) -> bool:
        """Whether the last `count` samples are good and all began after `at`."""
        last = self.samples[-count:]
        return len(last) == count and all(sample.ok and sample.began > at for sample in last)


class Census:
    """Asks every running machine directly, at its private address, who serves; a round every 100 ms."""

    def __init__(self, machines: Callable[[], dict[str, str]], port: int) -> None:
        self._machines, self._port = machines, port
        self.rounds: list[tuple[float, frozenset[str]]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="census")

    def start(self) -> Census:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        known: dict[str, str] = {}
        refreshed = 0.0
        with ThreadPoolExecutor(max_workers=8) as pool:
            while not self._stop.wait(0.1):
                if time.monotonic() - refreshed > 0.5:
                    try:
                        known, refreshed = self._machines(), time.monotonic()
                    except (BotoCoreError, ClientError):
                        continue  # the emulator is busy or going down; whoever guards it will say so
                at = time.time()
                answers = list(pool.map(lambda pair: (pair[0], ask(pair[1], self._port, timeout_s=0.3).ok), known.items()))
                self.rounds.append((at, frozenset(instance for instance, ok in answers if ok)))
                if len(self.rounds) > 20_000:
                    del self.rounds[:10_000]
