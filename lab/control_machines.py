"""What drills do inside a machine: signals, programs, files, its disk, its processor. Verbs of lab/control.py."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.machines import inside
from lab.world import World

Verb = Callable[[World, Mapping[str, Any]], dict[str, Any]]
_RUN_S = 10.0


def machines(world: World) -> Any:
    """Raises LookupError in a lab without them."""
    if world.machines is None:
        raise LookupError("this lab runs without machines")
    return world.machines


def _processes(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    return {"processes": machines(world).processes(a["instance"])}


def _listener(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """The process on a machine that listens on a TCP port, and when it began (seconds since the epoch)."""
    for process in machines(world).processes(a["instance"]):
        if int(a["port"]) in _listening_ports(int(process["pid"])):
            return _told(process)
    raise LookupError(f"nothing on {a['instance']} listens on port {a['port']}")


def _holders(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """Every process that has a socket open which listens on a TCP port."""
    found = []
    for process in machines(world).processes(a["instance"]):
        if int(a["port"]) in _listening_ports(int(process["pid"])):
            with contextlib.suppress(LookupError):  # it ended while we looked
                found.append(_told(process))
    return {"processes": found}


def _signal(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """Send one process of a machine a signal, by its name; SIGKILL unless told."""
    pid, name = pid_on(world, a), str(a.get("signal", "SIGKILL"))
    number = signal.Signals[name]
    world.journal.say("drill", f"sent process {pid} on {a['instance']} {name}", instance=a["instance"])
    os.kill(pid, number)
    return {"at": world.clock.now()}


def _agent(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """The main process of the agent's unit."""
    for process in machines(world).processes(a["instance"]):
        if process["unit"] == "understudy-agent.service" and process["argv"][1:3] == ["-m", "agent"]:
            return _told(process)
    raise LookupError(f"no agent runs on {a['instance']}")


def _run(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """Run a program on a machine as root, to its end."""
    return inside.run(_init(world, a), [str(word) for word in a["argv"]], timeout_s=_RUN_S)


def _start(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """Start a program on a machine as root that goes on by itself."""
    inside.start(_init(world, a), [str(word) for word in a["argv"]])
    return {}


def _read(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": inside.read(_init(world, a), str(a["path"]))}


def _write(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    inside.write(_init(world, a), str(a["path"]), str(a["text"]))
    return {}


def _disk(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """Make the machine's disk just as large as what is on it, or 2 GB again (tmpfs(5), remount with another size)."""
    full = bool(a["full"])
    size = str(_used_bytes(_init(world, a))) if full else "2g"
    done = inside.run(_init(world, a), ["mount", "-o", f"remount,size={size}", "/"], timeout_s=_RUN_S)
    if done["code"] != 0:
        raise ValueError(f"the disk could not be made {size} large: {done['out'].strip()}")
    world.journal.say("drill", f"the disk of {a['instance']} is {'full' if full else 'as large as before'}", instance=a["instance"])
    return {"at": world.clock.now()}


def _starve(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """Take the processor away from a process: it comes last, on one core, and that core is kept busy by others."""
    pid, init = pid_on(world, a), _init(world, a)
    core = inside.be_last(pid)
    for _ in range(int(a.get("burners", _BURNERS))):
        inside.start(init, ["taskset", "--cpu-list", str(core), "python3", "-I", "-S", "-c", "while True: pass", _BURNER])
    world.journal.say("drill", f"took the processor away from process {pid} on {a['instance']}", instance=a["instance"])
    return {"at": world.clock.now(), "core": core}


def _feed(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """End what keeps the processor busy on a machine, and let the session of the process, if it lives, weigh what others weigh."""
    for process in machines(world).processes(a["instance"]):
        if process["argv"][-1:] == [_BURNER]:
            os.kill(int(process["pid"]), signal.SIGKILL)
    with suppress(LookupError, FileNotFoundError, ProcessLookupError):  # it was ended meanwhile: then its session is, too
        inside.weigh_session(pid_on(world, a), 0)
    world.journal.say("drill", f"gave the processor back on {a['instance']}", instance=a["instance"])
    return {"at": world.clock.now()}


def _memory_of(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """Resident memory of one process of a machine (proc(5): statm, pages)."""
    return {"rss_mb": resident_mb(str(pid_on(world, a)))}


def resident_mb(pid: str) -> float:
    """Raises LookupError when there is no such process."""
    try:
        pages = int(Path("/proc", pid, "statm").read_text().split()[1])
    except OSError as error:
        raise LookupError(f"process {pid} has ended") from error
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


_BURNER = "lab-burner"
_BURNERS = 48  # then a request takes seconds: the scheduler lets a sleeper wait about one turn of all the others


def _init(world: World, a: Mapping[str, Any]) -> int:
    return int(machines(world).init_of(a["instance"]))


def pid_on(world: World, a: Mapping[str, Any]) -> int:
    pid = int(a["pid"])
    if pid not in {int(p["pid"]) for p in machines(world).processes(a["instance"])}:
        raise LookupError(f"process {pid} is not on {a['instance']}")
    return pid


def _told(process: Mapping[str, Any]) -> dict[str, Any]:
    return {"pid": process["pid"], "argv": process["argv"], "started_at": _started_at(int(process["pid"]))}


def _used_bytes(init: int) -> int:
    """What is on the machine's disk, to the page."""
    disk = os.statvfs(f"/proc/{init}/root")
    return (disk.f_blocks - disk.f_bfree) * disk.f_frsize


def _listening_ports(pid: int) -> set[int]:
    """TCP ports on which this very process holds a listening socket (proc(5): net/tcp, state 0A)."""
    proc, inodes = Path(f"/proc/{pid}"), set()
    try:
        for fd in (proc / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it was closed while we looked: a server's connections come and go
                inodes.add(os.readlink(fd))
        lines = [*(proc / "net/tcp").read_text().splitlines()[1:], *(proc / "net/tcp6").read_text().splitlines()[1:]]
    except OSError:
        return set()  # it ended while we looked
    rows = [line.split() for line in lines]
    return {int(row[1].rsplit(":", 1)[1], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes}


def _started_at(pid: int) -> float:
    """Start of a process in epoch seconds, to one clock tick (proc(5): stat field 22, ticks since boot)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError as error:
        raise LookupError(f"process {pid} has ended") from error
    since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


VERBS: dict[str, Verb] = {
    "processes": _processes,
    "listener": _listener,
    "holders": _holders,
    "signal": _signal,
    "agent": _agent,
    "run": _run,
    "start": _start,
    "read": _read,
    "write": _write,
    "disk": _disk,
    "starve": _starve,
    "feed": _feed,
    "memory-of": _memory_of,
}
