"""Deployables that drills need and nobody else: an example with something changed, or many small assemblies on one foundation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]
FLEET = 20  # assemblies, of which each is as small as can be: their nodes share this machine's processors


def vary(file: Path, folder: Path, change: Callable[[Document], None]) -> Path:
    """A copy of a deployable's file in a folder, changed, with its artifacts beside it. Raises OSError, ValueError."""
    try:
        document = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{file} is not YAML: {error}") from error
    change(document)
    folder.mkdir(parents=True, exist_ok=True)
    for assembly in document["assemblies"]:
        for application in assembly["applications"]:
            if "install" in application:
                _bring(file.parent / application["install"]["artifact"], folder / application["install"]["artifact"])
    copy = folder / f"{document['deployable']}.yaml"
    copy.write_text(_text(document))
    return copy


def _text(document: Document) -> str:
    """JSON is YAML, and writes out what stands in two places: the format knows no anchors."""
    return json.dumps(document, indent=1) + "\n"


def _bring(artifact: Path, to: Path) -> None:
    if artifact.is_dir():
        shutil.copytree(artifact, to, dirs_exist_ok=True)
    else:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(artifact, to)


def two_sizes(document: Document) -> None:
    """A second size to be tried, and half a minute to be up: drills in which nothing comes up wait it out several times."""
    for assembly in document["assemblies"]:
        assembly["instances"] = ["t4g.small", "t4g.medium"]
        assembly["start_grace"] = "30s"


def pooled(document: Document) -> None:
    """Another machine lies ready, stopped; and half a minute to be up, which a release that never is waits out."""
    for assembly in document["assemblies"]:
        assembly |= {"warm_pool": True, "start_grace": "30s"}


FENCE_TIMEOUT_S, DISAGREEMENT_S = 90.0, 60.0


def hasty(document: Document) -> None:
    """It chooses to go on by itself, after so short a time that a drill can wait for it."""
    times = {"page_after": 45.0, "fence_timeout": FENCE_TIMEOUT_S, "doubt": 30.0, "disagreement": DISAGREEMENT_S}
    document["recovery"] = {name: f"{seconds:g}s" for name, seconds in times.items()}
    for assembly in document["assemblies"]:
        assembly["on_disagreement"] = "replace"


def crashing(document: Document) -> None:
    """A release whose applications end at once, whatever they are given."""
    for assembly in document["assemblies"]:
        for application in assembly["applications"]:
            application["run"] = {"exec": ["/bin/false"]}


def newer(document: Document) -> None:
    """The same, to be given other artifacts (`rebuild`)."""
    if not any("install" in application for assembly in document["assemblies"] for application in assembly["applications"]):
        raise ValueError(f"{document['deployable']} installs no artifact of which there could be another version")


def rebuild(file: Path, release: str) -> None:
    """Each artifact of a varied file that is a folder gets a file more, so that it is another one."""
    for assembly in yaml.safe_load(file.read_text())["assemblies"]:
        for application in assembly["applications"]:
            artifact = file.parent / application.get("install", {}).get("artifact", "none")
            if artifact.is_dir():
                (artifact / "RELEASE").write_text(f"{release}\n")


def two_in_order(document: Document) -> None:
    """Two assemblies, of which the second starts after the first; neither absorbs a failure: the first one is the deployable's."""
    [only] = document["assemblies"]
    first = {**only, "name": "first", "start_grace": "1m", "tolerance": {"failures": 0, "window": "1h"}}
    second = {key: value for key, value in first.items() if key != "front"}
    document |= {"deployable": "two", "assemblies": [first, {**second, "name": "second", "after": ["first"]}]}


def fleet(demo: Path, folder: Path) -> tuple[Path, Path]:
    """(deployable, foundation): many of the demo's application, the first of them with an address, on one foundation."""

    def many(document: Document) -> None:
        [only] = document["assemblies"]
        [application] = only["applications"]
        application["probes"] = [{"http": "http://127.0.0.1:8080/healthz", "every": "5s", "timeout": "2s", "rise": 1, "fall": 2}]
        application.pop("thresholds", None)
        shared = {**only, "start_grace": "5m"}
        hidden = {key: value for key, value in shared.items() if key != "front"}
        document.pop("network")
        document.pop("notify")
        document |= {"deployable": "fleet", "foundation": "many"}
        document["assemblies"] = [{**(hidden if number else shared), "name": f"small-{number + 1}"} for number in range(FLEET)]

    file = vary(demo, folder, many)
    foundation = folder / "foundations" / "many.yaml"
    foundation.parent.mkdir(exist_ok=True)
    network = {"cidr": "10.30.0.0/16", "zones": 2, "egress": "none"}
    foundation.write_text(_text({"foundation": "many", "network": network, "notify": []}))
    return file, foundation
