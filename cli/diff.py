"""Says in words what a deploy would interrupt: the template of a file against the one that is deployed."""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import spec
from cli import programs
from cli.programs import ROOT, Trouble
from core import names
from core.estimate.recovery_times import expected
from core.model import Deployable
from core.template_changes import ROLLS, Change, Effect, changes
from spec.rates import load_rates

ABOUT = """\
Say what a deploy of the file would interrupt: its template is compared with the one that is deployed, in the region and
account of the environment (AWS_ENDPOINT_URL leads to a local cloud). Nothing is changed.
"""
EXAMPLES = """\
examples:
  understudy diff deployables/demo.yaml
  understudy diff deployables/demo.yaml --json

exit status, as of diff(1): 0 nothing differs; 1 something does; 2 it could not be told.
"""
SAME, DIFFERS = 0, 1
SYNTH_S = 300.0
LOST = "the machine is gone"  # core.estimate.recovery_times: what a node that is replaced costs clients, less its being noticed


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, metavar="FILE", help="the deployable file, or a shared foundation's")
    command.add_argument("--json", action="store_true", help="print the changes as JSON")


def diff(file: Path, *, as_json: bool) -> int:
    """Print what differs. Gives SAME or DIFFERS. Raises spec.SpecError, Trouble."""
    deployable = None if spec.is_foundation(file) else spec.load(file)
    stack = f"{names.PRODUCT}-{deployable.name}" if deployable else names.foundation_stack(spec.load_foundation(file).name)
    deployed = template_of(stack)
    found = changes(deployed, synthesized(file, stack))
    gaps = _gaps(deployable) if deployable else {}
    if as_json:
        told = [{**dataclasses.asdict(change), "gap_s": gaps.get(change.assembly) if _interrupts(change) else None} for change in found]
        print(json.dumps({"stack": stack, "deployed": deployed is not None, "changes": told}, indent=2))
    else:
        print("\n".join(words(stack, deployed is not None, found, gaps)))
    return DIFFERS if found else SAME


def words(stack: str, deployed: bool, found: tuple[Change, ...], gaps: Mapping[str, float]) -> Iterator[str]:
    """gaps: seconds that clients of each assembly would wait."""
    if not deployed:
        yield f"{stack} is not deployed: a deploy makes all of its {len(found)} resources, and interrupts nothing"
        return
    if not found:
        yield f"{stack}: nothing changed; a deploy would do nothing"
        return
    told = [line for change in found for line in _grave(change, gaps)]
    yield f"{stack}: a deploy would interrupt {'this:' if told else 'nothing'}"
    yield from (f"  {line}" for line in told)
    quiet = [change for change in found if not list(_grave(change, gaps))]
    for effect in (Effect.REMOVED, Effect.CHANGED, Effect.ADDED):
        rows = [change for change in quiet if change.effect is effect]
        if rows:
            yield f"{effect.value} without interruption: {', '.join(_named(change) for change in rows)}"


def _grave(change: Change, gaps: Mapping[str, float]) -> Iterator[str]:
    match change.effect:
        case Effect.ROLLED:
            gap = gaps.get(change.assembly)
            waits = f"clients wait about {gap:.0f} s" if gap is not None else "its clients wait"
            what = ", ".join(change.what) if set(change.what) & set(ROLLS) else "what it boots with"
            yield f"{change.assembly}: its node is replaced, {waits} ({what} changed)"
        case Effect.REPLACED:
            yield f"{_named(change)} is made anew and the old one goes: whatever knows it must know the new one"
        case Effect.REMOVED if change.assembly:
            yield f"{change.assembly}: it is removed, and its node with it"


def _interrupts(change: Change) -> bool:
    return change.effect is Effect.ROLLED


def _named(change: Change) -> str:
    what = f" ({', '.join(change.what)})" if change.what else ""
    return f"{change.type_name.removeprefix('AWS::').replace('::', ' ')} {change.logical_id}{what}"


def _gaps(deployable: Deployable) -> dict[str, float]:
    """Of each assembly, from the estimate's own times: ours and AWS's."""
    delays = load_rates().delays
    rows = (row for row in expected(deployable, delays) if row.failure == LOST and row.ours is not None)
    found = {row.assembly: row.ours.typical_s + row.aws_s for row in rows if row.ours is not None}
    for assembly in deployable.assemblies:
        if assembly.capacity.warm_pool:  # one of the former version comes out of the pool first, and is refused
            found[assembly.name] += sum(delays[name].seconds for name in ("group_launch", "pending"))
    return found


# --- the two templates ------------------------------------------------------------------------------------------------


def template_of(stack: str) -> dict[str, Any] | None:
    """The deployed one; None when there is no such stack. Raises Trouble."""
    # Here, not above: a command that asks AWS nothing does not wait for its library to load.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    patience = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 2})
    try:
        answer = boto3.client("cloudformation", config=patience).get_template(StackName=stack, TemplateStage="Original")
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError" and "does not exist" in error.response["Error"]["Message"]:
            return None
        raise Trouble(f"CloudFormation could not be asked for {stack}: {error}") from error
    except (BotoCoreError, ValueError) as error:
        raise Trouble(f"CloudFormation could not be asked for {stack}: {error}") from error
    body = answer["TemplateBody"]
    return dict(json.loads(body)) if isinstance(body, str) else dict(body)


def synthesized(file: Path, stack: str) -> dict[str, Any]:
    """What a deploy of the file would ask for. Raises Trouble."""
    with tempfile.TemporaryDirectory(prefix="understudy-diff-") as folder:
        done = subprocess.run(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env={**programs.environment(), "CDK_OUTDIR": folder, "CDK_CONTEXT_JSON": json.dumps({"deployable": str(file.resolve())})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SYNTH_S,
            check=False,
        )
        path = Path(folder, f"{stack}.template.json")
        if done.returncode != 0 or not path.is_file():
            raise Trouble(f"{file} could not be synthesized: {done.stderr.strip()[-2000:]}")
        return dict(json.loads(path.read_text()))
