"""Tells what a deployable file means, or what is wrong with it."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import spec
from core.model import Application, Assembly, Deployable, FrontKind, Tolerance


def validate(file: Path, *, as_json: bool) -> int:
    """Print the summary and give 0. Raises spec.SpecError; with as_json it is printed and 2 is given."""
    try:
        deployable = spec.load(file)
    except spec.SpecError as error:
        if not as_json:
            raise
        problems = [dataclasses.asdict(problem) for problem in error.problems]
        print(json.dumps({"valid": False, "file": str(file), "problems": problems}, indent=2))
        return 2
    if as_json:
        print(json.dumps({"valid": True, "file": str(file), "deployable": dataclasses.asdict(deployable)}, indent=2))
    else:
        print(f"{file} is right. It says:\n")
        print("\n".join(summary(deployable)))
    return 0


def say_problems(error: spec.SpecError) -> None:
    """Each problem with its place first, as editors and terminals link it, and its remedy below."""
    for problem in error.problems:
        place = f"{error.path}:{problem.line}" if problem.line is not None else error.path
        value = f" ({problem.value})" if problem.value is not None else ""
        key = f"{problem.key}{value} " if problem.key else ""
        print(f"{place}: {key}{problem.message}\n    {problem.remedy}", file=sys.stderr)
    count = len(error.problems)
    print(f"{count} problem{'' if count == 1 else 's'} in {error.path}", file=sys.stderr)


_LOST = "nothing is kept; a replacement starts with an empty disk"


def losses(deployable: Deployable) -> Iterator[str]:
    """What each assembly loses when its machine is replaced: said before anything is broken, not found out."""
    for assembly in deployable.assemblies:
        yield f"{deployable.name}/{assembly.name}: a restart keeps the disk, a replacement does not: {_LOST}"


def summary(deployable: Deployable) -> Iterator[str]:
    """What is promised, in words."""
    network = deployable.network
    zones = "1 zone" if network.zones == 1 else f"{network.zones} zones"
    yield f"deployable {deployable.name}: network {network.cidr} over {zones}, no way out" + _but(deployable)
    yield f"  told when the ladder ends: {', '.join(deployable.notify) or 'nobody (notify is empty)'}"
    for assembly in deployable.assemblies:
        yield from _assembly(assembly)


def _but(deployable: Deployable) -> str:
    """An address of its own is a way out too: AWS needs no NAT for it, and prefix lists cannot be named without a look-up."""
    held = any(assembly.front.kind is FrontKind.ELASTIC_IP for assembly in deployable.assemblies)
    return ", except that the node with the Elastic IP reaches any address on port 443" if held else ""


def _assembly(assembly: Assembly) -> Iterator[str]:
    architecture = spec.architecture_of(assembly.instances[0])
    yield f"  assembly {assembly.name}: one node of {' or '.join(assembly.instances)} ({architecture}) from {assembly.image}"
    if assembly.front.kind is FrontKind.ELASTIC_IP:
        yield f"    clients: an Elastic IP, port {', '.join(map(str, assembly.front.ports))}"
    else:
        yield "    clients: no fixed address"
    yield f"    state: {_LOST}"
    yield f"    the node answers on port {assembly.ha_port} (HA) and {assembly.http_port} (HTTP)"
    yield f"    a new node is up within {_span(assembly.start_grace_s)}, or it is given up"
    yield f"    lost nodes: {_tolerated(assembly.tolerance, 'replaced', 'a person is told, and it is replaced all the same')}"
    for application in assembly.applications:
        yield from _application(application)


def _application(application: Application) -> Iterator[str]:
    yield f"    application {application.name}: {' '.join(application.run.exec or ())}"
    if application.install is not None:
        yield f"      files: {application.install.source}, published with the template, laid out in {application.install.to}"
    if application.after:
        yield f"      starts after: {', '.join(application.after)}"
    for probe in application.probes:
        asked = probe.http or f"tcp {probe.tcp}"
        yield f"      asked: {asked} every {_span(probe.every_s)}, waiting {_span(probe.timeout_s)}; failing after {probe.fall} in a row"
    if not application.probes:
        yield "      asked: nothing; only its exit is noticed"
    yield f"      failures: {_tolerated(application.tolerance, 'restarted', 'the node asks to be replaced')}"


def _tolerated(tolerance: Tolerance, absorbed: str, beyond: str) -> str:
    if tolerance.failures is None:
        return f"always {absorbed}, never handed on"
    return f"{absorbed} {tolerance.failures} times in {_span(tolerance.window_s)}; at the next, {beyond}"


def _span(seconds: float) -> str:
    """`90s`, `2m`, `1h`: the largest unit that divides it."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
