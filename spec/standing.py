"""A deployable's file read together with that of the foundation which it stands on, where the two lie side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.database import Auth
from core.model import NAME, Egress, SharedFoundation
from spec.foundation import load_foundation
from spec.problems import Finding, SpecError
from spec.sharing import OWN


@dataclass(frozen=True, slots=True)
class Stood:
    """The values with what the foundation says for all of its deployables, and what does not go with it."""

    data: Any
    findings: tuple[Finding, ...]


def file_beside(path: Path, foundation: str) -> Path:
    """Where a foundation's file is looked for: `foundations/NAME.yaml` beside the deployable's."""
    return path.resolve().parent / "foundations" / f"{foundation}.yaml"


def stand(data: Any, path: Path) -> Stood:
    """path: of the deployable's file.

    Without a foundation's file beside it the deployable is believed in what it says of the foundation's network; where that is
    not so, CloudFormation refuses it by the name of the parameter that is not there, before anything is made.
    """
    name = data.get("foundation", OWN) if isinstance(data, dict) else OWN
    if not isinstance(name, str) or name == OWN or not NAME.fullmatch(name) or not file_beside(path, name).is_file():
        return Stood(data, ())
    file = file_beside(path, name)
    shown = f"{file.parent.name}/{file.name}"
    try:
        foundation = load_foundation(file)
    except SpecError as error:
        return Stood(data, ((("foundation",), name, f"has a file that is no good: {error.problems[0]}", f"put {shown} right"),))
    if foundation.name != name:
        message = f"is not what {shown} says: {foundation.name}"
        return Stood(data, ((("foundation",), name, message, "give the file the foundation's name, or write it as the file has it"),))
    return Stood(_filled(data, foundation), tuple(_against(data, foundation, shown)))


def _filled(data: dict[str, Any], foundation: SharedFoundation) -> dict[str, Any]:
    network = data.get("network", {})
    if not isinstance(network, dict):
        return data
    given = {"zones": foundation.network.zones, "egress": foundation.network.egress.value}
    return {**data, "network": {**given, **network}}


def _against(data: dict[str, Any], foundation: SharedFoundation, shown: str) -> Iterator[Finding]:
    """shown: the foundation's file, as people call it."""
    network = data.get("network")
    network = network if isinstance(network, dict) else {}
    theirs = foundation.network
    if network.get("egress", theirs.egress.value) != theirs.egress.value:
        message = f"is not the way out of the foundation {foundation.name}, which has one for all that stand on it: {theirs.egress.value}"
        yield ("network", "egress"), network["egress"], message, f"leave it out, or change network.egress in {shown}"
    zones = network.get("zones")
    if isinstance(zones, int) and zones > theirs.zones:
        message = f"is more than the network of the foundation {foundation.name} has: {theirs.zones}"
        yield ("network", "zones"), zones, message, f"leave it out, or change network.zones in {shown}"
    database = data.get("database")
    if not isinstance(database, dict) or theirs.egress is not Egress.NONE or foundation.database_secrets:
        return
    if database.get("auth", Auth.SECRET.value) == Auth.SECRET.value:
        where = ("database", "auth") if "auth" in database else ("database",)
        message = f"is opened by a password, which no node of the foundation {foundation.name} can find out: there is no way to it"
        remedy = f"write auth: iam, or database_secrets: true in {shown}"
        yield where, database.get("auth"), message, remedy
