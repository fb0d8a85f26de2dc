"""Asks which images a deployable file means today, and keeps the answer beside it: deploys change it no more.

AWS's library is imported where it is used: a command that asks AWS nothing does not wait for it to load.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import spec
from cli.programs import Trouble
from core.images import Pin
from spec import lock

ABOUT = """\
Ask AWS which images the file's names and parameters mean today, and write the answer to FILE's lock file (ledger.yaml:
ledger.lock.yaml). Commit it. From then on a deploy starts machines from these images; run it again to move them, on
purpose. It needs credentials that may call ssm:GetParameters; nothing else does before a deploy.
"""
EXAMPLES = """\
examples:
  understudy pin ledger.yaml                                            the regions it has already, or your default one
  understudy pin ledger.yaml --region eu-central-1 --region eu-west-1   these

exit status: 0 pinned; 2 the file is wrong, or AWS could not be asked: then nothing is written.
"""
NAMES_A_CALL = 10  # https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, metavar="FILE", help="the deployable file")
    command.add_argument("--region", action="append", default=[], metavar="REGION", help="where it is deployed; repeatable")


def pin(file: Path, regions: Sequence[str]) -> int:
    """Write the lock file and say what moved. Raises spec.SpecError for the deployable file, Trouble when AWS cannot be asked."""
    wanted = sorted(lock.parameters_of(spec.load_unpinned(file)))
    path = lock.lock_of(file)
    had = _had(path)
    if not wanted:
        print(f"{file}: every image is given by its id: there is nothing to pin")
        return 0
    chosen = list(regions) or sorted({pin.region for pin in had}) or [_own_region()]
    asked = [found for region in chosen for found in _ask(region, wanted)]
    kept = [pin for pin in had if pin.region not in chosen and pin.parameter in wanted]
    path.write_text(lock.pins_to_text((*kept, *asked), file.name))
    for line in _told(asked, had):
        print(line)
    print(f"written: {path}")
    return 0


def _had(path: Path) -> tuple[Pin, ...]:
    try:
        return lock.read_pins(path)
    except FileNotFoundError:
        return ()
    except lock.BadLock as error:
        raise Trouble(f"{error}: put it right or remove it") from error


def _own_region() -> str:
    import boto3

    region = boto3.session.Session().region_name
    if region is None:
        raise Trouble("no region is set: say which, such as --region eu-central-1")
    return region


def _ask(region: str, parameters: Sequence[str]) -> list[Pin]:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        patience = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3})
        ssm = boto3.client("ssm", region_name=region, config=patience)
        held: dict[str, str] = {}
        for start in range(0, len(parameters), NAMES_A_CALL):
            answer = ssm.get_parameters(Names=list(parameters[start : start + NAMES_A_CALL]))
            held |= {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
    except (BotoCoreError, ClientError, ValueError) as error:
        raise Trouble(f"{region} could not be asked: {error}") from error
    missing = [parameter for parameter in parameters if parameter not in held]
    if missing:
        raise Trouble(f"{region} has no parameter {missing[0]}: not every publisher serves every region")
    for parameter in parameters:
        if not lock.is_image_id(held[parameter]):
            raise Trouble(f"{parameter} in {region} holds {held[parameter]!r}, which is no image's id")
    return [Pin(region, parameter, held[parameter]) for parameter in parameters]


def _told(asked: Iterable[Pin], had: Iterable[Pin]) -> Iterable[str]:
    before = {(pin.region, pin.parameter): pin.image_id for pin in had}
    for pin in asked:
        old = before.get((pin.region, pin.parameter))
        moved = "as it was" if old == pin.image_id else f"was {old}: the next deploy there replaces nodes" if old else "new"
        yield f"{pin.region} {pin.parameter}: {pin.image_id} ({moved})"
