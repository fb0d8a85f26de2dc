"""Prints the YAML form of an XML deployable, and says beside it where meanings differ."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import spec


def convert(file: Path, choices: spec.Choices, *, as_json: bool) -> int:
    """Print the YAML and give 0. Raises spec.SpecError; with as_json it is printed and 2 is given."""
    try:
        made = spec.convert(file, choices)
    except spec.SpecError as error:
        if not as_json:
            raise
        problems = [dataclasses.asdict(problem) for problem in error.problems]
        print(json.dumps({"valid": False, "file": str(file), "problems": problems}, indent=2))
        return 2
    if as_json:
        said = {key: [dataclasses.asdict(each) for each in getattr(made, key)] for key in ("notes", "missing")}
        print(json.dumps({"valid": True, "file": str(file), **said, "yaml": made.text, "data": made.data}, indent=2))
        return 0
    for word, told in (("note", made.notes), ("to fill in", made.missing)):
        for each in told:
            place = f"{file}:{each.line}" if each.line is not None else str(file)
            print(f"{place}: {word}: {each.key}: {each.message}", file=sys.stderr)
    print(made.text, end="")
    return 0


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, metavar="FILE.xml", help="the deployable's XML")
    command.add_argument("--image", metavar="IMAGE", help="what its machines start from, such as debian-12")
    command.add_argument(
        "--instances", type=_instances, default=(), metavar="TYPE[,TYPE]", help="instance types, such as t4g.small,t4g.medium"
    )
    command.add_argument("--keep", metavar="WORD", help="what a replacement finds again; none: it starts with an empty disk")
    command.add_argument(
        "--ports",
        type=_ports,
        action="append",
        default=[],
        metavar="ASSEMBLY=PORT[,PORT]",
        help="ports open at its fixed address; repeatable",
    )
    command.add_argument("--json", action="store_true", help="print YAML, notes and what is to fill in as JSON, or the problems")


def choices_of(given: argparse.Namespace) -> spec.Choices:
    return spec.Choices(image=given.image, instances=given.instances, keep=given.keep, ports=dict(given.ports))


def _instances(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _ports(text: str) -> tuple[str, tuple[int, ...]]:
    """An assembly's name may have any character, an equals sign too."""
    name, _, ports = text.rpartition("=")
    if not name or not all(port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535 for port in ports.split(",")):
        raise argparse.ArgumentTypeError(f"{text!r} is not ASSEMBLY=PORT[,PORT], such as db=3306, each port 1 to 65535")
    return name, tuple(int(port) for port in ports.split(","))
