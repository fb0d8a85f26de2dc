"""What the lab's command accepts: its verbs and options, and what may be given to each, else ArgumentTypeError with what to use."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSIDE = "--inside"  # this process is within the lab's namespaces, and its folder is this


def scale(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1000:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no factor: use a number above 0, at most 1000")


def seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is no time to wait: use seconds above 0, at most 86400")
    return value


def name(text: str) -> str:
    if not text or not set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_") or len(text) > 40:
        raise argparse.ArgumentTypeError(f"{text!r} is not a name: use lower-case letters, digits and dashes, at most 40")
    return text


def labs(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:3]) <= 16):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of labs: use 1 to 16")
    return int(text)


def port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: use 1 to 65535, or 0 for any free one")
    return int(text)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m lab", description="Run the very template that goes to AWS on this machine, and break it on purpose."
    )
    verbs = top.add_subparsers(dest="verb", required=True)
    drill = verbs.add_parser("drill", help="break one thing at a time, and see whether every promise holds")
    drill.add_argument("names", nargs="*", metavar="NAME", help="drills to play, in order, or `all`; --list tells which there are")
    drill.add_argument("--list", action="store_true", help="list the drills: what each breaks and promises")
    drill.add_argument("--delays", action="store_true", help="list AWS's own delays as the lab has them: how long each is, and from where")
    drill.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE as JSON")
    drill.add_argument("--html", type=Path, metavar="FILE", help="write one page to FILE, with a timeline picture of each drill")
    drill.add_argument("--steady", action="store_true", help="end when the deployable does not come to rest again after a drill")
    drill.add_argument("--sabotage", metavar="WHAT", help="break our own protection first, to see that the drill fails (see docs/lab.md)")
    drill.add_argument("--assembly", type=name, metavar="NAME", help="which assembly is broken; default the first that clients reach")
    drill.add_argument("--patience", type=seconds, default=300.0, metavar="SECONDS", help="how long to wait for a recovery; default 300")
    drill.add_argument(
        "--labs",
        type=labs,
        default=1,
        metavar="N",
        help="how many labs run beside each other, when the drills need several; default 1",
    )
    up = verbs.add_parser("up", help="deploy the lab and keep it running until Ctrl-C or `lab down`")
    up.add_argument("--port", type=port, default=0, help="host port of the emulator on 127.0.0.1; default any free one")
    down = verbs.add_parser("down", help="stop a lab that runs, and leave nothing behind")
    for verb in (up, down):
        verb.add_argument("--name", type=name, default="default", help="which lab, when several run side by side")
    for verb in (drill, up):
        verb.add_argument(
            "--deployable",
            type=Path,
            default=ROOT / "deployables/demo.yaml" if verb is up else None,
            help="the deployable's file; drills: by default each is played on what it needs, most of them on the demo",
        )
        verb.add_argument("--foundation", type=Path, metavar="FILE", help="the file of the foundation that it shares with others")
        verb.add_argument(
            "--time-scale",
            type=scale,
            default=1.0,
            metavar="FACTOR",
            help="shorten AWS's own windows by this factor; default 1, real time",
        )
        verb.add_argument(INSIDE, type=Path, metavar="LABDIR", help=argparse.SUPPRESS)
    return top
