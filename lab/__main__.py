"""python -m lab: drills on, and a running lab of, a deployable; everything in namespaces of its own."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lab import folder, space
from lab.arguments import INSIDE, parser
from lab.delays import Delays
from lab.drills.report import table
from lab.drills.scenes import DRILLS, in_playing_order

ROOT = Path(__file__).resolve().parent.parent
LABS = ROOT / ".lab"
PAGE = LABS / "drills.html"  # of all drills, where no other file is named
_NO_READER = 128 + signal.SIGPIPE


def _list() -> int:
    width = max(map(len, DRILLS))
    for drill in DRILLS.values():
        print(
            f"{drill.name:<{width}}  fault:   {drill.fault}\n{'':<{width}}  promise: {drill.promise} (limit {drill.limit:g} {drill.unit})"
        )
    return 0


def _list_delays() -> int:
    rows = [(delay.name, f"{delay.seconds:g}", delay.source) for delay in Delays().all()]
    print(table(rows, ("AWS's delay", "s", "source")))
    return 0


def _refuse(text: str, code: int = 2) -> int:
    print(f"understudy: {text}", file=sys.stderr)
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0: held, or done; 1: a promise was broken, or the lab failed; 2: something to put right first
    (an argument, a file, a port, a folder); 3: this machine has no namespaces or lacks a tool; 4: the emulator died;
    130, 143, 129: ended by Ctrl-C, SIGTERM, SIGHUP.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    args = parser().parse_args(words)
    if args.verb == "down":
        from lab.standing import down

        return down(LABS / args.name)
    if args.verb == "drill" and args.list:
        return _list()
    if args.verb == "drill" and args.delays:
        return _list_delays()
    if args.verb == "drill" and args.names == ["all"]:
        words += every_drill(args)
    if args.inside is not None:
        from lab import playing, standing

        try:
            return playing.drill(args, args.inside) if args.verb == "drill" else standing.up(args, args.inside)
        except BrokenPipeError:
            # `understudy drill ... | head`: the reader has had enough. Keep Python from complaining at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _NO_READER
    wrong = _wrong(args)
    if wrong:
        return _refuse(wrong)
    if args.verb == "drill" and args.deployable is None:
        from lab import many_labs

        evenings = many_labs.plan(args.names, args.labs)
        args.deployable = many_labs.one_will_do(evenings)
        if args.deployable is None:
            return many_labs.play(evenings, args, LABS)
        words += ["--deployable", str(args.deployable)]
    return _outside(args, words)


def every_drill(args: argparse.Namespace) -> list[str]:
    """What `all` means: each drill that the deployable has what it needs for, and a page of them in any case. Gives the words for that."""
    args.names = [drill.name for drill in in_playing_order() if args.deployable is None or not drill.needs]
    if args.html is not None:
        return []
    args.html = PAGE
    with contextlib.suppress(OSError):  # then the page is what cannot be written
        LABS.mkdir(exist_ok=True)
    return ["--html", str(PAGE)]


def _wrong(args: argparse.Namespace) -> str:
    """What can be told before anything is started: the first thing to put right, or nothing."""
    if args.verb == "drill":
        from lab.drills.sabotage import SABOTAGES

        unknown = [name for name in args.names if name not in DRILLS]
        if unknown:
            return f"no drill called {', '.join(unknown)}; there are {', '.join(DRILLS)}"
        if not args.names:
            return "name a drill; --list tells which"
        if args.sabotage is not None and args.sabotage not in SABOTAGES:
            return f"no sabotage called {args.sabotage}; there are {', '.join(SABOTAGES)}"
        for option, file in (("--json", args.json), ("--html", args.html)):
            why = _unwritable(file) if file is not None else ""
            if why:
                return f"cannot write {option} {file} ({why}): give a file in a folder that exists and is yours"
    for option, file in (("--deployable", args.deployable), ("--foundation", args.foundation)):
        if file is not None and not file.is_file():
            return f"{option} {file}: no such file"
    return ""


def _unwritable(path: Path) -> str:
    """Why a file of results could not be written, found out by opening it; nothing when it can be."""
    try:
        new = not path.exists()
        with path.open("a"):
            pass
        if new:
            path.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _outside(args: argparse.Namespace, words: list[str]) -> int:
    """In the host's own namespaces: make the lab's folder, run everything else inside, take the folder away.

    Here a signal is only ever passed on, from the first step to the last: nothing cuts the tidying short.
    """
    for number in space.SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    lab_dir = LABS / (args.name if args.verb == "up" else f"drill-{secrets.token_hex(4)}")
    try:
        LABS.mkdir(exist_ok=True)
        folder.sweep(LABS)
        folder.claim(lab_dir)
        (lab_dir / "tmp").mkdir()
    except folder.Taken as taken:
        return _refuse(str(taken))
    except OSError as error:
        return _refuse(f"the lab cannot write in {LABS} ({error.strerror}): make that folder yours, or use a clone of your own")
    os.environ["TMPDIR"] = str(lab_dir / "tmp")  # so that what a killed tool leaves goes with the folder
    began = time.monotonic()
    code = space.enter([sys.executable, "-m", "lab", *words, INSIDE, str(lab_dir)], masked=True)
    return _farewell(args, lab_dir, code, time.monotonic() - began)


def _farewell(args: argparse.Namespace, lab_dir: Path, code: int, took_s: float) -> int:
    """Everything that ran has ended. Keep the folder of what went wrong, and no other; the exit status."""
    say = _to_stderr
    was_up = (lab_dir / "addresses.json").exists()
    interrupted = code - 128 in space.SIGNALS
    killed = code > 128 and not interrupted and code != _NO_READER
    if (code in (1, 4) or killed) and (lab_dir / "journal.jsonl").exists():
        if killed:
            say(f"understudy: the lab was killed ({signal.Signals(code - 128).name}), not by us: is this machine out of memory?")
        folder.remove(lab_dir / "tmp")
        (lab_dir / "control-token").unlink(missing_ok=True)
        folder.release(lab_dir)
        say(f"understudy: what happened is in {lab_dir} (journal.jsonl, server.log); delete it when done")
        return code
    if not folder.remove(lab_dir):
        say(f"understudy: {lab_dir} could not be deleted; nothing runs any more")
    if was_up and interrupted:
        say(f"the lab {args.name!r} is down")
        return 0 if code == 128 + signal.SIGTERM else code
    if interrupted:
        say("understudy: interrupted; nothing is left running")
    if args.verb == "drill" and code == 0:
        print(f"everything held; {took_s:.0f} s in all")
    return code


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _start() -> int:
    """Signals wait until somebody looks after them: outside, lab.space; inside, nobody, for an end there is an end of all."""
    if INSIDE in sys.argv:
        for number in space.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, space.SIGNALS)
    elif sys.argv[1:2] == ["down"]:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, space.SIGNALS)
    else:
        signal.pthread_sigmask(signal.SIG_BLOCK, space.SIGNALS)
    return main()


if __name__ == "__main__":
    sys.exit(_start())
