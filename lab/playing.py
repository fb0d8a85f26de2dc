"""The drills' evening: a lab of its own, the drills in order, the table, the exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.deploy import DeployFailed
from lab.drills.cloud import Cloud, LabGone, Slot
from lab.drills.model import Result
from lab.drills.report import verdict
from lab.drills.runner import play_all, write_html, write_json
from lab.drills.sabotage import SABOTAGES
from lab.drills.scenes import DRILLS
from lab.drills.stage import Stage
from lab.session import LabFailed, Session


def say(line: str) -> None:
    print(line, flush=True)


def playable(cloud: Cloud, assembly: str | None = None) -> Slot:
    """The assembly of that name, or the first that clients reach. Raises LabFailed when there is none with an address and a port."""
    for slot in cloud.slots():
        if slot.front and slot.ports and assembly in (None, slot.assembly):
            return slot
    if assembly is not None:
        raise LabFailed(f"no assembly {assembly} has a front with an address and ports: there is no client's view to judge by")
    raise LabFailed("no assembly has a front with an address and ports: there is no client's view to judge by")


def first_service(stage: Stage) -> None:
    """Wait until the fresh deployment serves for the first time. Raises LabFailed with what was missing."""
    say("waiting for the first node to serve (AWS's own boot delays included) ...")
    missing = stage.wait_steady(300)
    if missing:
        raise LabFailed(f"the deployment did not come to rest: {missing}")


def drill(args: argparse.Namespace, lab_dir: Path) -> int:
    """Exit status 0 only if every promise of every drill held."""
    if args.sabotage is not None and args.sabotage not in SABOTAGES:
        print(f"understudy: no sabotage called {args.sabotage}; there are {', '.join(SABOTAGES)}", file=sys.stderr)
        return 2

    seen: list[Result] = []

    def keep(results: Sequence[Result]) -> None:
        """After each drill: what was seen so far outlives a Ctrl-C."""
        seen[:] = results
        if args.json is not None:
            write_json(results, args.json)

    try:
        with Session(lab_dir, args.deployable.resolve(), say, time_scale=args.time_scale, foundation=args.foundation) as session:
            session.start()
            session.put_up()
            cloud = Cloud(lab_dir, session.stack)
            with Stage(cloud, playable(cloud, args.assembly), session.journal, patience_s=args.patience) as stage:
                stage.deployable, stage.time_scale = args.deployable.resolve(), args.time_scale
                first_service(stage)
                if args.sabotage is not None:
                    sabotage = SABOTAGES[args.sabotage]
                    sabotage.inflict(stage)
                    say(f"sabotaged: {sabotage.what}")
                results = play_all([DRILLS[name] for name in args.names], stage, say, keep=keep, until_unsteady=args.steady)
            if args.html is not None:
                write_html(results, args.html)
            say("\n" + verdict(results, len(args.names)))
            if args.html is not None:
                say(f"a timeline picture of each: {args.html}")
            return 0 if all(result.held for result in results) else 1
    except (LabFailed, DeployFailed, LabGone) as error:
        if seen:
            say("\n" + verdict(seen, len(args.names)))
        print(f"understudy: {error}", file=sys.stderr)
        return 1
