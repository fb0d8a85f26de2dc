"""A lab that keeps standing: up, its addresses on the host, and down."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from lab.deploy import DeployFailed
from lab.drills.cloud import Cloud, LabGone
from lab.drills.stage import Stage
from lab.gateway import Gateway, PortInUse
from lab.playing import first_service, playable, say
from lab.session import LabFailed, Session, remove
from lab.world import PORT

PID_FILE = "outer-pid"


def _started(pid: int) -> str:
    """What tells one life of a process id from another: its start time in clock ticks (proc(5), stat field 22)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except OSError:
        return ""


def _owner(lab_dir: Path) -> int:
    """The process that runs this lab now; 0 when nobody does."""
    try:
        pid, started = (lab_dir / PID_FILE).read_text().split()
    except (OSError, ValueError):
        return 0
    return int(pid) if _started(int(pid)) == started else 0


def claim(lab_dir: Path) -> str:
    """Take the lab's folder for this process; what stands against it, or nothing."""
    pid = _owner(lab_dir)
    if pid:
        return f"the lab {lab_dir.name!r} is already up (process {pid}): `understudy lab down --name {lab_dir.name}`, or another --name"
    remove(lab_dir)
    lab_dir.mkdir(parents=True)
    (lab_dir / PID_FILE).write_text(f"{os.getpid()} {_started(os.getpid())}")
    return ""


def release(lab_dir: Path) -> None:
    (lab_dir / PID_FILE).unlink(missing_ok=True)


def down(lab_dir: Path) -> int:
    """Stop the lab that runs under this name; 0 also when none does."""
    pid = _owner(lab_dir)
    if not pid:
        print(f"no lab {lab_dir.name!r} is up")
        remove(lab_dir)
        return 0
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 45
    while _owner(lab_dir) == pid and time.monotonic() < end:
        time.sleep(0.1)
    if _owner(lab_dir) == pid:
        print(f"understudy: the lab did not end within 45 s; killing process {pid}", file=sys.stderr)
        os.kill(pid, signal.SIGKILL)
    remove(lab_dir)
    print(f"the lab {lab_dir.name!r} is down")
    return 0


def up(args: argparse.Namespace, lab_dir: Path) -> int:
    """Deploy, print the addresses, stand until a signal."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        gateway = Gateway()
        host_port = gateway.expose("127.0.0.1", PORT, host_port=args.port)
        with Session(lab_dir, args.deployable.resolve(), say, time_scale=args.time_scale) as session:
            session.start()
            session.put_up()
            cloud = Cloud(lab_dir, session.stack)
            with Stage(cloud, playable(cloud), session.journal) as stage:
                first_service(stage)
            addresses = {"AWS": f"http://127.0.0.1:{host_port}"}
            for slot in cloud.slots():
                for port in slot.ports if slot.front else ():
                    here = gateway.expose(slot.front, port)
                    addresses[f"{slot.assembly} ({slot.front}:{port})"] = f"http://127.0.0.1:{here}"
            (lab_dir / "addresses.json").write_text(json.dumps(addresses, indent=2))
            say("\nthe lab is up; from this machine:")
            for name, address in addresses.items():
                say(f"  {name:<40} {address}")
            say("AWS keys for it: testing / testing, region us-east-1. Ctrl-C or `understudy lab down` ends it.")
            stop.wait()
            return 0
    except PortInUse as error:
        print(f"understudy: {error}", file=sys.stderr)
        return 2
    except (LabFailed, DeployFailed, LabGone) as error:
        print(f"understudy: {error}", file=sys.stderr)
        return 1
