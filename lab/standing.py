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
from typing import Any

from lab import folder
from lab.deploy import DeployFailed
from lab.drills.cloud import Cloud, LabGone, wait_for
from lab.drills.watch import ask_front
from lab.gateway import Gateway, PortInUse
from lab.playing import say
from lab.principals import ADMIN_KEY, ADMIN_SECRET
from lab.session import LabFailed, Session
from lab.world import PORT, REGION

ADDRESSES = "addresses.json"
_SERVED_S = 300.0
_DOWN_S = 45.0  # more than a lab takes to end, less than a person waits


def down(lab_dir: Path) -> int:
    """Stop the lab that runs under this name; 0 also when none does, 1 when it could not be stopped."""
    if not folder.runs(lab_dir):
        print(f"no lab {lab_dir.name!r} is up")
        return 0 if folder.remove(lab_dir) else _failed(f"its old folder {lab_dir} cannot be deleted: it belongs to somebody else")
    pid = folder.owner(lab_dir)
    if not pid:
        return _failed(f"the lab {lab_dir.name!r} is up, but not among the processes seen from here: end it where it was started")
    try:
        os.kill(pid, signal.SIGTERM)
        if not _ended(lab_dir, _DOWN_S):
            print(f"understudy: the lab did not end within {_DOWN_S:.0f} s; killing process {pid}", file=sys.stderr)
            os.kill(pid, signal.SIGKILL)
            _ended(lab_dir, 5.0)
            folder.remove(lab_dir)
    except ProcessLookupError:
        _ended(lab_dir, 5.0)  # it ended by itself, just now
    except PermissionError:
        return _failed(f"the lab {lab_dir.name!r} is another user's: process {pid} may not be ended from here")
    print(f"the lab {lab_dir.name!r} is down")
    return 0


def _ended(lab_dir: Path, within_s: float) -> bool:
    end = time.monotonic() + within_s
    while folder.runs(lab_dir) and time.monotonic() < end:
        time.sleep(0.05)
    return not folder.runs(lab_dir)


def _failed(text: str) -> int:
    print(f"understudy: {text}", file=sys.stderr)
    return 1


def up(args: argparse.Namespace, lab_dir: Path) -> int:
    """Deploy, print the addresses, stand until a signal ends this process and with it everything."""
    try:
        gateway = Gateway()
        host_port = gateway.expose("127.0.0.1", PORT, host_port=args.port)
        with Session(lab_dir, args.deployable.resolve(), say, time_scale=args.time_scale, foundation=args.foundation) as session:
            session.start()
            session.put_up()
            cloud = Cloud(lab_dir, session.stack)
            _first_answers(cloud, lab_dir)
            addresses = _open(gateway, cloud, host_port)
            _keep(addresses, lab_dir / ADDRESSES)
            say(_text(addresses, args.name))
            threading.Event().wait()  # the guard over the emulator, or a signal, ends this
            return 0
    except PortInUse as error:
        print(f"understudy: {error}", file=sys.stderr)
        return 2
    except (LabFailed, DeployFailed, LabGone) as error:
        return _failed(str(error))


def _first_answers(cloud: Cloud, lab_dir: Path) -> None:
    """Wait until every front answers: a person may look on from here, while alarms still come to rest. Raises LabFailed."""
    say("waiting for the first node to serve (AWS's own boot delays included) ...")
    for slot in cloud.slots():
        if not slot.front or not slot.ports:
            say(f"  {slot.assembly} has no front: it is reached from inside its network only")
        elif not wait_for(lambda slot=slot: ask_front(slot.finder(), slot.ports[0], tls=slot.tls).ok, timeout_s=_SERVED_S):
            raise LabFailed(
                f"{slot.assembly} did not answer at its front within {_SERVED_S:.0f} s; its nodes' logs are in {lab_dir}/machines"
            )


def _open(gateway: Gateway, cloud: Cloud, aws_port: int) -> dict[str, Any]:
    """A port of the host's loopback for each port of each front."""
    fronts = [
        {"assembly": slot.assembly, "front": f"{slot.front}:{port}", "here": f"127.0.0.1:{gateway.expose(slot.finder(), port)}"}
        for slot in cloud.slots()
        for port in (slot.ports if slot.front else ())
    ]
    endpoint = f"http://127.0.0.1:{aws_port}"
    keys = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": ADMIN_KEY, "AWS_SECRET_ACCESS_KEY": ADMIN_SECRET, "AWS_REGION": REGION}
    return {"aws": endpoint, "fronts": fronts, "stack": cloud.stack, "environment": keys}


def _keep(addresses: dict[str, Any], path: Path) -> None:
    """Whoever sees the file sees all of it: it is the sign that the lab is up."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(addresses, indent=2) + "\n")
    draft.rename(path)


def _text(addresses: dict[str, Any], name: str) -> str:
    rows = [(f"{front['assembly']}, at its front {front['front']}", f"http://{front['here']}") for front in addresses["fronts"]]
    rows.append((f"AWS, for any SDK or CLI (stack {addresses['stack']})", addresses["aws"]))
    width = max(len(left) for left, _ in rows)
    keys = " ".join(f"{key}={value}" for key, value in addresses["environment"].items())
    suffix = "" if name == "default" else f" --name {name}"
    return "\n".join(
        [
            f"\nthe lab {name!r} is up; from this machine:",
            *(f"  {left:<{width}}  {right}" for left, right in rows),
            f"  {keys}",
            f"the same as JSON: .lab/{name}/{ADDRESSES}. Ctrl-C, or `understudy lab down{suffix}` from elsewhere, ends it.",
        ]
    )
