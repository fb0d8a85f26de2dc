"""The drills' hands: break machines and the cloud itself, over HTTP under /_lab/, with a token."""

from __future__ import annotations

import hmac
import json
import os
import secrets
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Response

from lab.world import World

TOKEN_FILE = "control-token"  # noqa: S105 - a file name
TOKEN_HEADER = "HTTP_X_LAB_TOKEN"  # noqa: S105 - a header name


def make_token(lab_dir: Path) -> str:
    """A fresh token in the lab's folder, readable by its owner alone."""
    token = secrets.token_urlsafe(24)
    path = lab_dir / TOKEN_FILE
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token)
    return token


def handle(world: World, environ: Mapping[str, Any], body: bytes) -> Response:
    """POST /_lab/VERB with a JSON object; 403 without the token, 404 for a verb there is not, 400 for a bad argument."""
    path = world.lab_dir / TOKEN_FILE
    token = path.read_text() if path.exists() else ""
    if not token or not hmac.compare_digest(str(environ.get(TOKEN_HEADER, "")), token):
        return _answer(403, {"error": "the lab's control needs the token of its folder"})
    verb = str(environ.get("PATH_INFO", "")).removeprefix("/_lab/")
    act = _VERBS.get(verb)
    if act is None:
        return _answer(404, {"error": f"no such verb {verb!r}; there are {sorted(_VERBS)}"})
    try:
        arguments = json.loads(body or b"{}")
        return _answer(200, act(world, arguments))
    except (KeyError, ValueError, LookupError, ProcessLookupError) as error:
        return _answer(400, {"error": f"{verb}: {type(error).__name__}: {error}"})


def _answer(status: int, value: Mapping[str, Any]) -> Response:
    return Response(json.dumps(value), status=status, content_type="application/json")


def _machines(world: World) -> Any:
    if world.machines is None:
        raise LookupError("this lab runs without machines")
    return world.machines


def _freeze(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    world.journal.say("drill", f"froze {a['instance']}", instance=a["instance"])
    _machines(world).freeze(a["instance"])
    return {}


def _thaw(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    world.journal.say("drill", f"thawed {a['instance']}", instance=a["instance"])
    _machines(world).thaw(a["instance"])
    return {}


def _link(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    world.journal.say("drill", f"link of {a['instance']} {'mended' if a['up'] else 'cut'}", instance=a["instance"])
    _machines(world).set_link(a["instance"], up=bool(a["up"]))
    return {}


def _drop_events(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    world.drop_events = bool(a["on"])
    world.journal.say("drill", "every event is dropped from now on" if world.drop_events else "events are delivered again")
    return {}


def _processes(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    return {"processes": _machines(world).processes(a["instance"])}


def _listener(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """The process on a machine that listens on a TCP port, and when it began (seconds since the epoch)."""
    for process in _machines(world).processes(a["instance"]):
        if int(a["port"]) in _listening_ports(int(process["pid"])):
            return {"pid": process["pid"], "argv": process["argv"], "started_at": _started_at(int(process["pid"]))}
    raise LookupError(f"nothing on {a['instance']} listens on port {a['port']}")


def _kill(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """SIGKILL one process of a machine."""
    pid = int(a["pid"])
    if pid not in {int(p["pid"]) for p in _machines(world).processes(a["instance"])}:
        raise LookupError(f"process {pid} is not on {a['instance']}")
    world.journal.say("drill", f"killed process {pid} on {a['instance']} (SIGKILL)", instance=a["instance"])
    os.kill(pid, signal.SIGKILL)
    return {"at": world.clock.now()}


def _listening_ports(pid: int) -> set[int]:
    """TCP ports on which this very process holds a listening socket (proc(5): net/tcp, state 0A)."""
    proc = Path(f"/proc/{pid}")
    try:
        inodes = {os.readlink(fd) for fd in (proc / "fd").iterdir()}
        lines = [*(proc / "net/tcp").read_text().splitlines()[1:], *(proc / "net/tcp6").read_text().splitlines()[1:]]
    except OSError:
        return set()  # it ended while we looked
    rows = [line.split() for line in lines]
    return {int(row[1].rsplit(":", 1)[1], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes}


def _started_at(pid: int) -> float:
    """Start of a process in epoch seconds, to one clock tick (proc(5): stat field 22, ticks since boot)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return _boot_time() + since_boot


def _boot_time() -> float:
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def _memory(_world: World, _arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Resident memory of the emulator itself (proc(5): statm, pages)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {"rss_mb": pages * os.sysconf("SC_PAGE_SIZE") / 1e6}


_VERBS: dict[str, Callable[[World, Mapping[str, Any]], dict[str, Any]]] = {
    "freeze": _freeze,
    "thaw": _thaw,
    "link": _link,
    "drop-events": _drop_events,
    "processes": _processes,
    "listener": _listener,
    "kill": _kill,
    "memory": _memory,
}
