"""The command line's grammar, and who does what."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import spec
from cli import programs
from cli.programs import ROOT, Trouble
from cli.validate import say_problems, validate
from core.model import NAME

DEMO = ROOT / "deployables" / "demo.yaml"

EXIT_BAD_INPUT = 2  # argparse's own, for a wrong command line; ours for a wrong file

_ABOUT = """\
Understudy keeps exactly one of something running on AWS: it watches a program from the inside and from the
outside, restarts it, replaces its machine, moves its address, and writes down what happened.

Everything a user sets is in one deployable file; deployables/demo.yaml explains each key.
"""
_FIRST_STEPS = """\
a first round:
  understudy validate deployables/demo.yaml    is the file right, and what does it say?
  understudy drill --list                      what can be broken, and what must hold
  understudy drill kill-instance               break it on the local cloud and watch it come back
  understudy synth deployables/demo.yaml       write the template that goes to AWS
"""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="understudy", description=_ABOUT, epilog=_FIRST_STEPS, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    command = commands.add_parser(
        "validate",
        allow_abbrev=False,
        help="check a deployable file and say what it means",
        description="Check a deployable file. Prints what it means, or every error at once with its line and remedy (exit status 2).",
    )
    command.add_argument("file", type=Path, metavar="FILE", help="the deployable file")
    command.add_argument("--json", action="store_true", help="print the model, or the problems, as JSON")

    commands.add_parser(
        "schema",
        help="print the JSON Schema of deployable files",
        description="Print the JSON Schema of deployable files, for an editor: it then completes keys and explains them.",
    )

    command = commands.add_parser(
        "drill",
        allow_abbrev=False,
        help="break something on the local cloud and watch it recover",
        description="Deploy the file's own template onto a local cloud, break one thing after another, and print each timeline. "
        "Exit status 0 only if every promise held. Nothing is left behind, whatever happens.",
    )
    command.add_argument("names", nargs="*", metavar="NAME", help="drills to run, in this order; see --list")
    command.add_argument("--list", action="store_true", help="say which drills there are, and what each must show")
    _add_deployable(command)
    command.add_argument("--json", type=Path, metavar="FILE", help="also write the results to FILE")

    command = commands.add_parser(
        "lab", help="keep a local cloud running, to look around in", description="Keep a local cloud running, with a deployable on it."
    )
    actions = command.add_subparsers(dest="action", metavar="up|down", required=True)
    action = actions.add_parser("up", allow_abbrev=False, help="start it, deploy, print the addresses, and stay until Ctrl-C or `lab down`")
    _add_deployable(action)
    action.add_argument("--port", type=_port, default=0, help="port of this machine for the local cloud; default any free one")
    _add_name(action)
    action = actions.add_parser("down", allow_abbrev=False, help="end it from another terminal; nothing is left behind")
    _add_name(action)

    command = commands.add_parser(
        "synth",
        allow_abbrev=False,
        help="write the CloudFormation template of a deployable file",
        description="Write the CloudFormation template of a deployable file, the same for AWS and for the local cloud.",
    )
    command.add_argument("file", type=Path, metavar="FILE", help="the deployable file")
    command.add_argument("--output", type=Path, metavar="FOLDER", default=Path("cdk.out"), help="where to write it (default: %(default)s)")
    return top


def _add_deployable(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--deployable", type=Path, metavar="FILE", default=DEMO, help="the deployable file (default: deployables/demo.yaml)"
    )


def _add_name(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--name", type=_lab_name, default="default", help="which lab, when several run side by side (default: %(default)s)"
    )


def _lab_name(text: str) -> str:
    """A lab's name becomes a folder's."""
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name: use lower-case letters, digits and dashes")
    return text


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: use 1 to 65535, or 0 for any free one")
    return int(text)


def main(arguments: Sequence[str]) -> int:
    """Run one command and give its exit status. Starting a program does not return: the program takes our place."""
    given = parser().parse_args(arguments)
    try:
        return _run(given)
    except spec.SpecError as error:
        say_problems(error)
        return EXIT_BAD_INPUT
    except Trouble as error:
        print(f"understudy: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `understudy schema | head`: the reader has had enough. Keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _run(given: argparse.Namespace) -> int:
    match given.command:
        case "validate":
            return validate(given.file, as_json=given.json)
        case "schema":
            print(json.dumps(spec.json_schema(), indent=2))
            return 0
        case "synth":
            spec.load(given.file)
            return programs.synth(given.file, given.output)
        case "drill" if given.list:
            return programs.lab("drill", "--list")
        case "drill":
            if not given.names:
                raise Trouble("name at least one drill; `understudy drill --list` says which there are")
            spec.load(given.deployable)
            options = ["--deployable", str(given.deployable.resolve())]
            if given.json is not None:
                options += ["--json", str(programs.writable(given.json))]
            return programs.lab("drill", *options, *given.names)
        case "lab" if given.action == "up":
            spec.load(given.deployable)
            return programs.lab("up", "--deployable", str(given.deployable.resolve()), "--name", given.name, "--port", str(given.port))
        case _:
            return programs.lab("down", "--name", given.name)
