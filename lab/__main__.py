"""python -m lab: drills on, and a running lab of, a deployable; everything in namespaces of its own."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from lab import space
from lab.drills.scenes import DRILLS

ROOT = Path(__file__).resolve().parent.parent
LABS = ROOT / ".lab"
INSIDE = "--inside"


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="understudy", description="Run the very template that goes to AWS on this machine, and break it on purpose."
    )
    verbs = top.add_subparsers(dest="verb", required=True)
    drill = verbs.add_parser("drill", help="break one thing at a time, and see whether every promise holds")
    drill.add_argument("names", nargs="*", metavar="NAME", help="drills to play, in order; --list tells which there are")
    drill.add_argument("--list", action="store_true", help="list the drills: what each breaks and promises")
    drill.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE as JSON")
    drill.add_argument("--sabotage", metavar="WHAT", help="break our own protection first, to see that the drill fails (see docs/lab.md)")
    up = verbs.add_parser("up", help="deploy the lab and keep it running until Ctrl-C or `lab down`")
    up.add_argument("--port", type=int, default=0, help="host port of the emulator on 127.0.0.1; default any free one")
    down = verbs.add_parser("down", help="stop a lab that runs, and leave nothing behind")
    for verb in (up, down):
        verb.add_argument("--name", default="default", help="which lab, when several run side by side")
    for verb in (drill, up):
        verb.add_argument("--deployable", type=Path, default=ROOT / "deployables/demo.yaml", help="the deployable's file")
        verb.add_argument("--time-scale", type=float, default=1.0, help="shorten AWS's own windows by this factor; default 1, real time")
        verb.add_argument(INSIDE, type=Path, metavar="LABDIR", help=argparse.SUPPRESS)
    return top


def _list() -> int:
    width = max(map(len, DRILLS))
    for drill in DRILLS.values():
        print(f"{drill.name:<{width}}  fault:   {drill.fault}\n{'':<{width}}  promise: {drill.promise} (limit {drill.limit_s:g} s)")
    return 0


def _refuse(text: str) -> int:
    print(f"understudy: {text}", file=sys.stderr)
    return 2


def main(argv: Sequence[str] | None = None) -> int:
    """0: held or done; 1: a promise was broken or the lab failed; 2: bad arguments; 3: no namespaces; 4: the emulator died."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = parser().parse_args(arguments)
    if args.verb == "down":
        from lab.standing import down

        return down(LABS / args.name)
    if args.verb == "drill":
        if args.list:
            return _list()
        unknown = [name for name in args.names if name not in DRILLS]
        if unknown or not args.names:
            return _refuse(
                f"no drill called {', '.join(unknown)}; there are {', '.join(DRILLS)}" if unknown else "name a drill; --list tells which"
            )
    if not args.deployable.is_file():
        return _refuse(f"--deployable {args.deployable}: no such file")
    if args.inside is None:
        return _outside(args, arguments)
    from lab import playing, standing

    return playing.drill(args, args.inside) if args.verb == "drill" else standing.up(args, args.inside)


def _outside(args: argparse.Namespace, arguments: list[str]) -> int:
    """In the host's own namespaces: make the lab's folder, run everything else inside, take the folder away."""
    from lab import standing
    from lab.session import remove

    LABS.mkdir(exist_ok=True)
    if args.verb == "up":
        lab_dir = LABS / args.name
        taken = standing.claim(lab_dir)
        if taken:
            return _refuse(taken)
    else:
        lab_dir = Path(tempfile.mkdtemp(prefix="drill-", dir=LABS))
    began = time.monotonic()
    code = 1
    try:
        code = space.enter([sys.executable, "-m", "lab", *arguments, INSIDE, str(lab_dir)])
        return code
    finally:
        if code in (1, 4) and (lab_dir / "journal.jsonl").exists():
            print(f"understudy: what happened is in {lab_dir} (journal.jsonl, server.log); delete it when done", file=sys.stderr)
            (lab_dir / "control-token").unlink(missing_ok=True)
            standing.release(lab_dir)
        else:
            remove(lab_dir)
        if args.verb == "drill" and code == 0:
            print(f"everything held; {time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    sys.exit(main())
