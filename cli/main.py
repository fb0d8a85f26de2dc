"""The commands: who does what."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

import spec
from cli import convert, diff, estimate, operators, pin, programs
from cli.grammar import parser
from cli.programs import Trouble
from cli.validate import losses, say_problems, validate, validate_all

EXIT_BAD_INPUT = 2  # argparse's own, for a wrong command line; ours for a wrong file


def _on_the_lab(given: argparse.Namespace) -> list[str]:
    """What to put there: the deployable, and first the foundation that it shares. Raises SpecError, Trouble."""
    options = ["--deployable", str(given.deployable.resolve())]
    wanted = spec.load(given.deployable).foundation
    if wanted is None:
        return options
    file = given.foundation or spec.file_beside(given.deployable, wanted)
    if not file.is_file():
        raise Trouble(f"{given.deployable} stands on the foundation {wanted}: give its file with --foundation FILE ({file} is not there)")
    found = spec.load_foundation(file).name
    if found != wanted:
        raise Trouble(f"{file} is the foundation {found}, and {given.deployable} stands on {wanted}")
    return [*options, "--foundation", str(file.resolve())]


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
    except BrokenPipeError:
        # `understudy schema | head`: the reader has had enough. Keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _run(given: argparse.Namespace) -> int:
    told = operators.run(given)
    if told is not None:
        return told
    match given.command:
        case "validate":
            if len(given.files) > 1:
                return validate_all(given.files, as_json=given.json)
            return validate(given.files[0], as_json=given.json)
        case "convert":
            return convert.convert(given.file, convert.choices_of(given), as_json=given.json)
        case "schema":
            print(json.dumps(spec.json_schema(), indent=2))
            return 0
        case "estimate":
            return estimate.tell(given.file, own_rates=given.rates, as_json=given.json)
        case "diff":
            return diff.diff(given.file, as_json=given.json)
        case "pin":
            return pin.pin(given.file, given.region)
        case "synth":
            (spec.load_foundation if spec.is_foundation(given.file) else spec.load)(given.file)
            return programs.synth(given.file, given.output)
        case "drill" if given.list or given.delays:
            return programs.lab("drill", "--list" if given.list else "--delays")
        case "drill":
            if not given.names:
                raise Trouble("name at least one drill; `understudy drill --list` says which there are")
            options = []
            if given.deployable is not None:
                for line in losses(spec.load(given.deployable)):
                    print(line)
                options = _on_the_lab(given)
            if given.assembly is not None:
                options += ["--assembly", given.assembly]
            if given.json is not None:
                options += ["--json", str(given.json.absolute())]
            if given.html is not None:
                options += ["--html", str(given.html.absolute())]
            return programs.lab("drill", *options, "--labs", str(given.labs), *given.names)
        case "lab" if given.action == "up":
            return programs.lab("up", *_on_the_lab(given), "--name", given.name, "--port", str(given.port))
        case _:
            return programs.lab("down", "--name", given.name)
