"""What is measured, as processes of their own: the real agent on a stand-in for AWS, the floors, the peers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cloud import ASSEMBLY, DEPLOYABLE

ROOT = Path(__file__).resolve().parent.parent
CODE = Path(os.environ.get("BENCH_CODE", ROOT))  # the checkout whose agent is measured; another one to compare with
VENDOR = ROOT / ".build/agent-vendor"
PEERS = ROOT / ".build/bench-peers"
MEMORY = Path("/dev/shm")  # noqa: S108  # a tmpfs, on every Linux
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something under test: its process, and the ports that it serves."""

    name: str
    process: subprocess.Popen[bytes]
    ha_port: int = 0
    http_port: int = 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def python(*arguments: str) -> list[str]:
    """This very Python, for the agent and the floors alike."""
    return [sys.executable, *arguments]


def node_environment() -> dict[str, str]:
    """What a node's unit gives: our code and its packages on the path; byte code is read, not written."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": f"{CODE}{os.pathsep}{VENDOR}"}


@contextlib.contextmanager
def running(
    command: Sequence[str], *, folder: Path, name: str, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own; ended with it is all that it started in its process group."""
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=environment or node_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until somebody listens. Raises RuntimeError with the end of the log."""
    until_s = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < until_s:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"nobody listens on port {port}: {log.read_text()[-2000:]}")


@contextlib.contextmanager
def agent(applications: Sequence[dict[str, Any]], folder: Path, *, name: str = "agent") -> Iterator[Subject]:
    """The agent as a node's unit runs it. Applications that outlive it, as they should, are killed with it here."""
    instance = f"i-0{os.getpid():08x}{zlib.crc32(os.fsencode(folder / name)):08x}"
    cloud_port, ha_port, http_port = free_port(), free_port(), free_port()
    assembly = {
        "name": ASSEMBLY,
        "image": "debian-12",
        "instances": ["t4g.small"],
        "applications": list(applications),
        "ha_port": ha_port,
        "http_port": http_port,
    }
    settings = folder / f"{name}.json"
    settings.write_text(json.dumps({"version": 1, "deployable": DEPLOYABLE, "assembly": assembly}))
    endpoint = f"http://127.0.0.1:{cloud_port}"
    runtime = MEMORY / f"understudy-bench-{instance}"  # as /run is on a node: in memory
    runtime.mkdir(mode=0o700)
    environment = {
        **node_environment(),
        "UNDERSTUDY_SETTINGS": str(settings),
        "UNDERSTUDY_TABLE": "state",
        "UNDERSTUDY_BUCKET": "evidence",
        "UNDERSTUDY_STATE": str(folder / f"{name}-state"),
        "UNDERSTUDY_SOCKET": str(runtime / "agent.sock"),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint,
    }
    cloud = running(python(str(ROOT / "bench/cloud.py"), str(cloud_port), instance), folder=folder, name=f"{name}-cloud")
    with removed(runtime), cloud as stand_in, swept(f"UNDERSTUDY_RUN={instance}/"):
        answers(cloud_port, stand_in, folder / f"{name}-cloud.log")
        with running(python("-m", "agent", "run"), folder=folder, name=name, environment=environment) as process:
            answers(http_port, process, folder / f"{name}.log")
            yield Subject(name=name, process=process, ha_port=ha_port, http_port=http_port)


@contextlib.contextmanager
def removed(folder: Path) -> Iterator[None]:
    """Afterwards it is gone, with all that is in it."""
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def swept(mark: str) -> Iterator[None]:
    """Afterwards kill every process whose environment has a variable that begins so."""
    try:
        yield
    finally:
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with contextlib.suppress(OSError):
                    if b"\0" + mark.encode() in b"\0" + (entry / "environ").read_bytes():
                        os.kill(int(entry.name), signal.SIGKILL)


@contextlib.contextmanager
def floor(program: str, *arguments: str, folder: Path, port: int = 0) -> Iterator[Subject]:
    """One of bench/floors. What it keeps running is killed with it: its children carry a mark of ours."""
    name = f"floor-{program}-{zlib.crc32(' '.join(arguments).encode()):08x}"
    mark = f"{os.getpid()}-{name}"
    command = python(str(ROOT / "bench/floors" / f"{program}.py"), *arguments)
    with (
        swept(f"BENCH_MARK={mark}"),
        running(command, folder=folder, name=name, environment={**node_environment(), "BENCH_MARK": mark}) as process,
    ):
        if port:
            answers(port, process, folder / f"{name}.log")
        yield Subject(name=name, process=process, ha_port=port, http_port=port)


# --- the peers ---------------------------------------------------------------------------------------------------

DEBIAN = {"monit": "monit", "runsv": "runit"}


def missing(program: str) -> str | None:
    """Why a peer takes no part; None when it is here."""
    if program == "supervisord":
        return None if (PEERS / "supervisor").is_dir() else "not installed (make bench-agent fetches it from the package registry)"
    return None if shutil.which(program) else f"not installed (apt-get install {DEBIAN[program]})"


def named(programs: Sequence[Sequence[str]]) -> dict[str, Sequence[str]]:
    return {f"app{index:03d}": command for index, command in enumerate(programs)}


def _quoted(command: Sequence[str]) -> str:
    return " ".join(f"'{word}'" for word in command)


@contextlib.contextmanager
def supervisord(programs: Sequence[Sequence[str]], folder: Path) -> Iterator[Subject]:
    sections = [f"[supervisord]\nnodaemon=true\nlogfile={folder}/supervisord.out\npidfile={folder}/supervisord.pid\n"]
    sections += [
        f"[program:{name}]\ncommand={_quoted(command).replace('%', '%%')}\nautorestart=true\nstartsecs=0\n"
        for name, command in named(programs).items()
    ]
    settings = folder / "supervisord.conf"
    settings.write_text("\n".join(sections))
    environment = {**node_environment(), "PYTHONPATH": str(PEERS), "BENCH_MARK": f"{os.getpid()}-supervisord"}
    command = python("-m", "supervisor.supervisord", "-c", str(settings))
    with (
        swept(f"BENCH_MARK={os.getpid()}-supervisord"),
        running(command, folder=folder, name="supervisord", environment=environment) as process,
    ):
        yield Subject(name="supervisord", process=process)


@contextlib.contextmanager
def runsv(programs: Sequence[Sequence[str]], folder: Path) -> Iterator[Subject]:
    """runit: runsvdir and a runsv for each program. The subject's process is runsvdir."""
    services = folder / "runit"
    for name, command in named(programs).items():
        (services / name).mkdir(parents=True)
        run = services / name / "run"
        run.write_text(f"#!/bin/sh\nexec {_quoted(command)}\n")
        run.chmod(0o755)
    environment = {**node_environment(), "BENCH_MARK": f"{os.getpid()}-runit"}
    with (
        swept(f"BENCH_MARK={os.getpid()}-runit"),
        running(["runsvdir", "-P", str(services)], folder=folder, name="runit", environment=environment) as process,
    ):
        yield Subject(name="runit", process=process)


@contextlib.contextmanager
def monit(programs: Sequence[Sequence[str]], folder: Path) -> Iterator[Subject]:
    """monit at its shortest cycle, one second. It knows programs by their pid files: each writes its own and leaves its starter."""
    lines = ["set daemon 1", f"set idfile {folder}/monit.id", f"set statefile {folder}/monit.state", f"set logfile {folder}/monit.out"]
    for name, command in named(programs).items():
        starter = folder / f"{name}.start"
        starter.write_text(
            f"#!/bin/sh\nsetsid sh -c 'echo $$ >{folder}/{name}.pid; exec \"$@\"' sh {_quoted(command)} </dev/null >/dev/null 2>&1 &\n"
        )
        starter.chmod(0o755)
        lines.append(f'check process {name} with pidfile {folder}/{name}.pid\n  start program = "{starter}"')
    settings = folder / "monitrc"
    settings.write_text("\n".join(lines) + "\n")
    settings.chmod(0o600)
    # monit starts programs with an empty environment: they are found by what their starter gives them.
    environment = node_environment()
    command = ["monit", "-I", "-c", str(settings), "-p", f"{folder}/monit.pid"]
    try:
        with running(command, folder=folder, name="monit", environment=environment) as process:
            yield Subject(name="monit", process=process)
    finally:
        for pidfile in folder.glob("app*.pid"):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(pidfile.read_text()), signal.SIGKILL)
