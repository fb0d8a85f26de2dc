"""Two rows: a program killed, until the next one runs; a program stopped (SIGSTOP), until the next one answers."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import subjects
from bench.table import Row

NEW_PROCESS = 1.5  # times a bare pidfd watcher
NEW_ANSWER = 1.2  # times a bare pinger that waits for an answer
PROBE_S = 0.1
AT_A_TIME = 6  # agents of one application each that is killed; applications of one agent that hang
SETTLE_S = 3.0  # the first reports are over; runsv counts a death within its first second as a failed start
PEERS = (("runit", "runsv", subjects.runsv), ("supervisord", "supervisord", subjects.supervisord), ("monit", "monit", subjects.monit))
SAMPLE_TIMEOUT_S = 15.0  # a peer that took longer is noted with it

# Says its pid into the pipe and waits: as cheap a program as can tell that it runs.
SAYS_PID = "echo {name} $$ >{pipe}; exec sleep 100000"
# Answers every connection with a short 200, and says its pid once it listens. No imports but the socket's.
ANSWERS = """
import _socket, os
listener = _socket.socket()
listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", {port}))
listener.listen(64)
pipe = os.open("{pipe}", os.O_WRONLY)
os.write(pipe, b"{name} %d\\n" % os.getpid())
os.close(pipe)
while True:
    descriptor, _ = listener._accept()
    connection = _socket.socket(fileno=descriptor)
    try:
        connection.recv(4096)
        connection.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    except OSError:
        pass
    connection.close()
"""


class Births:
    """A named pipe into which each program says `NAME PID` when it runs; the time is taken when that is read."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "births"
        os.mkfifo(self.path)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)  # for writing too: it never ends
        self._rest = b""
        self.pids: dict[str, int] = {}
        self.counts: Counter[str] = Counter()

    def read(self, timeout_s: float) -> list[tuple[str, int]]:
        if not select.select([self._descriptor], [], [], timeout_s)[0]:
            return []
        *lines, self._rest = (self._rest + os.read(self._descriptor, 65536)).split(b"\n")
        born = [(name.decode(), int(pid)) for name, pid in (line.split() for line in lines)]
        self.pids.update(born)
        self.counts.update(name for name, _ in born)
        return born

    def await_all(self, names: Sequence[str], timeout_s: float = 60.0) -> None:
        until_s = time.monotonic() + timeout_s
        while not set(names) <= self.pids.keys():
            if time.monotonic() > until_s:
                raise RuntimeError(f"never started: {sorted(set(names) - self.pids.keys())}")
            self.read(0.1)

    def after(self, name: str, number: signal.Signals) -> float | None:
        """Send the signal to that program; seconds until another one of its name says its pid, SAMPLE_TIMEOUT_S if never.

        None: it had failed before, by itself (on a busy machine an answer may be late), and a second failure is no sample.
        """
        while self.read(0.0):
            continue
        if self.counts[name] != 1:
            return None
        sent_at_s = time.perf_counter()
        os.kill(self.pids[name], number)
        while (left_s := sent_at_s + SAMPLE_TIMEOUT_S - time.perf_counter()) > 0:
            if any(born == name for born, _ in self.read(left_s)):
                return time.perf_counter() - sent_at_s
        return SAMPLE_TIMEOUT_S


def says_pid(name: str, births: Births) -> list[str]:
    return ["/bin/sh", "-c", SAYS_PID.format(name=name, pipe=births.path)]


def killed(samples: int, folder: Path) -> Iterator[Row]:
    """kill -9 -> new process. Every sample is the first failure of an application, alone under an agent of its own."""
    births = Births(folder)
    peer_samples = max(3, samples // 3)
    took: dict[str, list[float]] = {"agent": [], "floor": []}
    peers: dict[str, Sequence[float] | str] = {}
    with contextlib.ExitStack() as running:
        for name, program, start in PEERS:
            why = subjects.missing(program)
            if why is not None:
                peers[name] = why
                continue
            took[name] = []
            running.enter_context(start([says_pid(f"{name}-{n}", births) for n in range(peer_samples)], folder))
        for first in range(0, samples, AT_A_TIME):
            batch = range(first, min(first + AT_A_TIME, samples))
            with contextlib.ExitStack() as stack:
                for n in batch:
                    application = {"name": "app", "run": {"exec": says_pid(f"agent-{n}", births)}}
                    stack.enter_context(subjects.agent([application], folder, name=f"agent-{n}"))
                    watched = folder / f"watched-{n}.json"
                    watched.write_text(json.dumps([says_pid(f"floor-{n}", births)]))
                    stack.enter_context(subjects.floor("watcher", str(watched), folder=folder))
                births.await_all([f"{name}-{n}" for name in ("agent", "floor") for n in batch])
                time.sleep(SETTLE_S)
                counts = {name: samples if name in ("agent", "floor") else peer_samples for name in took}
                _in_turn(batch, counts, took, births, signal.SIGKILL)
    ours, floor = _ms(took.pop("agent")), _ms(took.pop("floor"))
    yield Row(
        what="kill -9 -> new process",
        unit="ms",
        ours=ours,
        floor=floor,
        limit=NEW_PROCESS * statistics.median(floor),
        rule=f"{NEW_PROCESS:g} x a bare pidfd watcher",
        peers=peers | {name: _ms(values) for name, values in took.items()},
        note="each sample under an agent of its own: a second failure in a row is restarted later on purpose",
    )


def killed_among_many(samples: int, folder: Path) -> Iterator[Row]:
    """The same with so many applications under one agent, each killed once, and as many under one watcher."""
    births = Births(folder)
    took: dict[str, list[float]] = {"agent": [], "floor": []}
    applications = [{"name": f"app{n}", "run": {"exec": says_pid(f"agent-{n}", births)}} for n in range(samples)]
    watched = folder / "watched.json"
    watched.write_text(json.dumps([says_pid(f"floor-{n}", births) for n in range(samples)]))
    with subjects.agent(applications, folder), subjects.floor("watcher", str(watched), folder=folder):
        births.await_all([f"{name}-{n}" for name in took for n in range(samples)])
        time.sleep(SETTLE_S)
        _in_turn(range(samples), dict.fromkeys(took, samples), took, births, signal.SIGKILL)
    yield Row(
        what=f"kill -9 -> new process, one of {samples}",
        unit="ms",
        ours=_ms(took["agent"]),
        floor=_ms(took["floor"]),
        limit=None,
        rule="informs",
    )


def hung(samples: int, folder: Path) -> Iterator[Row]:
    """SIGSTOP -> new process that listens; each program asked over HTTP every 0.1 s, one answer missed is enough."""
    births = Births(folder)
    took: dict[str, list[float]] = {"agent": [], "floor": []}

    def programs(subject: str, batch: range) -> list[tuple[int, list[str]]]:
        ports = {n: subjects.free_port() for n in batch}
        code = [(port, ANSWERS.format(port=port, pipe=births.path, name=f"{subject}-{n}")) for n, port in ports.items()]
        return [(port, [sys.executable, "-I", "-S", "-c", text]) for port, text in code]

    for first in range(0, samples, AT_A_TIME):
        batch = range(first, min(first + AT_A_TIME, samples))
        applications: list[dict[str, Any]] = []
        for port, command in programs("agent", batch):
            probe = {"http": f"http://127.0.0.1:{port}/", "every_s": PROBE_S, "timeout_s": PROBE_S, "rise": 1, "fall": 1}
            applications.append({"name": f"app{port}", "run": {"exec": command}, "probes": [probe], "stop_timeout_s": 0.0})
        asked = folder / f"asked-{first}.json"
        asked.write_text(json.dumps(programs("floor", batch)))
        with (
            subjects.agent(applications, folder, name=f"agent-{first}"),
            subjects.floor("pinger", str(asked), str(PROBE_S), folder=folder),
        ):
            births.await_all([f"{name}-{n}" for name in took for n in batch])
            time.sleep(SETTLE_S)
            _in_turn(batch, dict.fromkeys(took, samples), took, births, signal.SIGSTOP)
    ours, floor = _ms(took["agent"]), _ms(took["floor"])
    left_out = 2 * samples - len(ours) - len(floor)
    yield Row(
        what="SIGSTOP -> new process answering",
        unit="ms",
        ours=ours,
        floor=floor,
        limit=NEW_ANSWER * statistics.median(floor),
        rule=f"{NEW_ANSWER:g} x a bare asyncio pinger",
        note=f"asked each {PROBE_S:g} s and given as long to answer; {AT_A_TIME} programs under each, one stopped at a time; stop timeout 0"
        + (f"; {left_out} left out that had failed before, by themselves" if left_out else ""),
    )


def _in_turn(rounds: range, counts: dict[str, int], took: dict[str, list[float]], births: Births, number: signal.Signals) -> None:
    """Samples of every subject, interleaved, and begun with another each round, so that none has the better neighbour."""
    names = list(counts)
    for n in rounds:
        for turn in range(len(names)):
            name = names[(turn + n) % len(names)]
            if n < counts[name]:
                took_s = births.after(f"{name}-{n}", number)
                took[name] += [] if took_s is None else [took_s]
                time.sleep(0.05 + 0.037 * (n % 5))  # not in step with anybody's period


def _ms(values: Sequence[float]) -> list[float]:
    """Raises RuntimeError when there are none."""
    if not values:
        raise RuntimeError("no sample: every program had failed before by itself; the machine is too busy to measure anything")
    return [value * 1000 for value in values]
