"""python -m lab.server: the emulator process; moto, our plug-ins and the physics in one process."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import logging
import logging.handlers
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from lab.clock import Clock
from lab.delays import Delays
from lab.emulator.pin import WrongMoto, check_pin, prepare_environment
from lab.journal import Journal
from lab.world import PORT, World

# The order matters: policies judge calls of all others; groups launch through ec2 onto machines.
ENGINES = (
    "policy", "network", "machines", "ec2", "dns", "balancers", "rds", "efs", "groups", "functions", "messaging", "metrics", "alarms",
)  # fmt: skip
CONNECTIONS_MAX = 512
IDLE_S = 75  # longer than any pause of a client that keeps its connection
LOG_BYTES_MAX = 8 * 1024 * 1024
log = logging.getLogger("lab.server")


class CannotServe(Exception):
    """The server cannot start; the text is one line for the user."""


def listen(host: str, port: int) -> socket.socket:
    """Take the port before anything slow happens. Raises CannotServe when it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotServe(f"cannot listen on {host}:{port}: {error.strerror}; stop what uses it, or choose another with --port") from error
    listener.listen(128)
    return listener


def log_to(path: Path) -> None:
    """Errors of engines and of their threads go to one bounded file; requests are not logged."""
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES_MAX, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(threadName)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("lab").setLevel(logging.INFO)
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)

    def thread_died(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            name = args.thread.name if args.thread else "?"
            log.error("thread %s died", name, exc_info=(args.exc_type, args.exc_value, args.exc_traceback))

    threading.excepthook = thread_died


def load_engines(names: Sequence[str]) -> list[ModuleType]:
    """Import lab.<name> for each. Raises CannotServe naming the first that does not exist."""
    modules = []
    for name in names:
        if importlib.util.find_spec(f"lab.{name}") is None:
            raise CannotServe(f"no engine called {name!r}: the lab has {', '.join(ENGINES)}")
        modules.append(importlib.import_module(f"lab.{name}"))
    return modules


def _optional(module: str, function: str) -> Any:
    return getattr(importlib.import_module(module), function) if importlib.util.find_spec(module) else None


def build(world: World, engines: Sequence[ModuleType], *, listener: socket.socket) -> Any:
    """Patch moto, install the engines in their order, and give a server that is not yet serving."""
    from lab.emulator.install import install, make_server  # imports moto, so after the environment is set

    install(world)
    for engine in engines:
        engine.install(world)
    check = next((engine.check for engine in engines if engine.__name__ == "lab.policy"), None)
    control = _optional("lab.control", "handle")
    return make_server(world, listener, check=check, control=control, connections_max=CONNECTIONS_MAX, idle_s=IDLE_S)


def run(args: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT. Raises CannotServe or WrongMoto before anything is served."""
    check_pin()
    lab_dir: Path = args.dir
    if not lab_dir.is_dir():
        raise CannotServe(f"{lab_dir} is not a folder: give the lab's folder with --dir")
    listener = listen(args.host, args.port)
    port = listener.getsockname()[1]
    prepare_environment(port)
    log_to(lab_dir / "server.log")
    world = World(
        lab_dir=lab_dir,
        clock=Clock(args.time_scale),
        journal=Journal(lab_dir / "journal.jsonl"),
        delays=Delays(),
        endpoint=f"http://localhost:{port}",
    )
    engines = load_engines(args.engines)
    server = build(world, engines, listener=listener)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    serving = threading.Thread(target=server.serve_forever, name="http", daemon=True)
    serving.start()
    for engine in engines:
        engine.start(world)
    ready = lab_dir / "ready"
    ready.with_suffix(".new").write_text(json.dumps({"port": port, "pid": os.getpid()}), encoding="utf-8")
    ready.with_suffix(".new").rename(ready)  # whoever sees the file sees all of it
    stop.wait()
    ready.unlink(missing_ok=True)
    server.shutdown()
    for engine in reversed(engines):
        halt = getattr(engine, "stop", None)
        if halt is not None:
            halt(world)


def _engine_list(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(text.split(","))


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.server", description="The lab's local AWS.")
    parser.add_argument("--dir", type=Path, required=True, help="the lab's folder: ready, journal.jsonl and server.log go there")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 inside the lab's own network namespace only")
    parser.add_argument("--port", type=int, default=PORT, help=f"0 takes any free one; default {PORT}")
    parser.add_argument("--time-scale", type=float, default=1.0, help="how much faster AWS's own windows pass; default 1")
    parser.add_argument("--engines", type=_engine_list, default=ENGINES, help="comma-separated, or none; default all of them")
    return parser.parse_args(argv)


def main() -> int:
    """Exit status 1 and one line on stderr when the server cannot start."""
    try:
        run(parse())
    except (CannotServe, WrongMoto, ValueError) as error:
        print(f"lab.server: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    # Engines hold daemon threads and child processes of their own; nothing after this line is needed.
    status = main()
    logging.shutdown()
    os._exit(status)
