"""The command line's grammar: every command, its options, and what it says of itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cli import convert, diff, operators, pin
from cli.programs import ROOT
from core.model import NAME

DEMO = ROOT / "deployables" / "demo.yaml"

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
  understudy status                            how what is deployed stands, once it is there
"""


_VALIDATE = """\
Check a deployable file. Prints what it means, or every error at once with its line and remedy (exit status 2).
Several files, of foundations too, are checked as what one account is to hold: no name twice, no networks that overlap.
"""
_CONVERT = """\
Print the YAML of a deployable that is written in XML (Pacemaker Cloud's form, checked against spec/xml/deployable.xsd).
Where meanings differ is said on the error channel and, as comments, in the YAML. What the XML does not say is marked
FILL-IN there, unless an option says it; an attribute of the XML's assembly comes first.
"""
_CONVERT_MORE = """\
examples:
  understudy convert deployables/wordpress.xml > wordpress.yaml
  understudy convert old.xml --image debian-12 --instances t4g.small --keep none --ports db=3306 > new.yaml

exit status: 0 also when something is left to fill in; 2 the XML is wrong, or cannot be said in the YAML.
"""
_SCHEMA = """\
Print the JSON Schema of deployable files, for an editor: it then completes keys and explains them.
"""
_DRILL = """\
Deploy the file's own template onto a local cloud, break one thing after another, and tell what happened as it
happens. Without a file each drill is played on a deployable that has what it needs, in as many labs as that takes.
Nothing is left running, whatever happens; of a drill that fails, the folder with its journal is kept, and the last
lines say which promise was broken, by how much, and where that folder is.
"""
_DRILL_MORE = """\
examples:
  understudy drill kill-instance                                   break one thing
  understudy drill kill-application freeze-instance --json r.json  two in a row, and the results as JSON
  understudy drill freeze-instance --html drill.html               and a page to look at
  understudy drill kill-instance --deployable my.yaml              on a deployable of your own
  understudy drill all --labs 2 --json r.json                      every drill there is, in the labs that they need: hours

exit status: 0 every promise held; 1 one did not, or the lab failed; 2 something to put right first, and nothing
was started; 3 this machine allows no namespaces; 4 the lab's cloud died; 130 Ctrl-C.
"""
_LAB = """\
Keep a local cloud running, with a deployable on it, to look around in.
"""
_UP = """\
Start a local cloud, deploy the file's own template, print the addresses once it serves, and stay until Ctrl-C or
`understudy lab down`. Everything runs in namespaces of its own; it is reached from this machine's 127.0.0.1 only.
"""
_UP_MORE = """\
examples:
  understudy lab up                         in this terminal; Ctrl-C ends it
  understudy lab up > lab.log 2>&1 &        in the background; lab.log shows its progress
  understudy lab up --name b --port 4600    a second one beside it, its AWS at http://127.0.0.1:4600

.lab/NAME/addresses.json appears when the lab is up: the addresses for programs. A node that dies there is replaced
as on AWS; the addresses stay.
"""
_DOWN = """\
End a lab from another terminal, and everything in it. Exit status 0 also when none is up.
"""
_SYNTH = """\
Write the CloudFormation template of a deployable file and what it ships: byte for byte what drills deploy on the
local cloud. Put it on AWS with the CDK command line: cdk deploy --app FOLDER.
"""
_ESTIMATE = """\
Tell what a deployable file costs a month on AWS, line by line: what Understudy adds and what the service needs
anyway, with how each quantity was reckoned; and how long a recovery is expected to take, our share and AWS's.
Nothing of AWS's free tier is counted. Rates, their date and sources: spec/rates.yaml.
"""
_ESTIMATE_MORE = """\
examples:
  understudy estimate deployables/demo.yaml
  understudy estimate deployables/demo.yaml --rates frankfurt.yaml   what that file names replaces the shipped rates
  understudy estimate deployables/demo.yaml --json
"""


def _verb(commands: Any, name: str, about: str, text: str, more: str = "") -> argparse.ArgumentParser:
    """A command that explains itself, its examples last."""
    made: argparse.ArgumentParser = commands.add_parser(
        name, allow_abbrev=False, help=about, description=text, epilog=more, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return made


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="understudy", description=_ABOUT, epilog=_FIRST_STEPS, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    example = "examples:\n  understudy validate deployables/demo.yaml\n  understudy validate ledger.yaml scheduler.yaml\n"
    command = _verb(commands, "validate", "check a deployable file and say what it means", _VALIDATE, example)
    command.add_argument("files", type=Path, nargs="+", metavar="FILE", help="the deployable file, YAML or XML; or several")
    command.add_argument("--json", action="store_true", help="print the model, or the problems, as JSON")

    convert.add_options(_verb(commands, "convert", "print the YAML of a deployable written in XML", _CONVERT, _CONVERT_MORE))

    _verb(
        commands, "schema", "print the JSON Schema of deployable files", _SCHEMA, "example:\n  understudy schema > deployable.schema.json\n"
    )

    command = _verb(commands, "drill", "break something on the local cloud and watch it recover", _DRILL, _DRILL_MORE)
    command.add_argument("names", nargs="*", metavar="NAME", help="drills to run, in this order, or `all`; see --list")
    command.add_argument("--list", action="store_true", help="say which drills there are, and what each must show")
    command.add_argument(
        "--delays", action="store_true", help="say how long AWS itself takes on the local cloud, and where each figure is from"
    )
    _add_deployable(command, None, "what each drill needs, most of them deployables/demo.yaml")
    command.add_argument("--assembly", metavar="NAME", help="which assembly is broken; default the first that clients reach")
    command.add_argument("--json", type=Path, metavar="FILE", help="also write the results to FILE")
    command.add_argument("--html", type=Path, metavar="FILE", help="also write one page to FILE, with a timeline picture of each drill")
    labs = "how many labs run beside each other, when several are needed; default 1"
    command.add_argument("--labs", type=int, choices=range(1, 17), default=1, metavar="N", help=labs)

    command = _verb(commands, "lab", "keep a local cloud running, to look around in", _LAB)
    actions = command.add_subparsers(dest="action", metavar="up|down", required=True)
    action = _verb(actions, "up", "start it, deploy, print the addresses, and stay until Ctrl-C or `lab down`", _UP, _UP_MORE)
    _add_deployable(action, DEMO, "deployables/demo.yaml")
    action.add_argument("--port", type=_port, default=0, help="port of this machine for the local cloud's AWS; default any free one")
    _add_name(action)
    down = "examples:\n  understudy lab down\n  understudy lab down --name b\n"
    _add_name(_verb(actions, "down", "end it from another terminal; nothing is left behind", _DOWN, down))

    command = _verb(
        commands, "estimate", "tell what a deployable file costs a month, and how long recoveries take", _ESTIMATE, _ESTIMATE_MORE
    )
    command.add_argument("file", type=Path, metavar="FILE", help="the deployable file")
    command.add_argument("--rates", type=Path, metavar="FILE", help="rates of your own, of the form of spec/rates.yaml")
    command.add_argument("--json", action="store_true", help="print lines, totals and times as JSON")

    diff.add_options(_verb(commands, "diff", "say what a deploy would interrupt", diff.ABOUT, diff.EXAMPLES))

    operators.add_commands(lambda *said: _verb(commands, *said))

    pin.add_options(_verb(commands, "pin", "keep images from moving, or move them on purpose", pin.ABOUT, pin.EXAMPLES))

    example = "example:\n  understudy synth deployables/demo.yaml --output cdk.out\n"
    command = _verb(commands, "synth", "write the CloudFormation template of a deployable file", _SYNTH, example)
    command.add_argument("file", type=Path, metavar="FILE", help="the deployable file")
    command.add_argument("--output", type=Path, metavar="FOLDER", default=Path("cdk.out"), help="where to write it (default: %(default)s)")
    return top


def _add_deployable(command: argparse.ArgumentParser, default: Path | None, told: str) -> None:
    command.add_argument("--deployable", type=Path, metavar="FILE", default=default, help=f"the deployable file (default: {told})")
    command.add_argument(
        "--foundation",
        type=Path,
        metavar="FILE",
        help="the file of the foundation that it shares (default: foundations/NAME.yaml beside the deployable's)",
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
