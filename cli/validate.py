"""Tells what a deployable file means, or what is wrong with it."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import spec
from cli.application_words import application_words, tolerated
from cli.balancer_words import balancer_words
from cli.database_words import database_words, reached
from core.model import Assembly, Deployable, Front, FrontKind, Record, Resolves, SharedFoundation
from core.state_words import kept_words
from core.zonal import zone_words
from spec import duration_text


def validate(file: Path, *, as_json: bool) -> int:
    """Print the summary and give 0. Raises spec.SpecError; with as_json it is printed and 2 is given."""
    try:
        if spec.is_foundation(file):
            return _foundation(file, spec.load_foundation(file), as_json=as_json)
        loaded = spec.load_with_warnings(file)
    except spec.SpecError as error:
        if not as_json:
            raise
        problems = [dataclasses.asdict(problem) for problem in error.problems]
        print(json.dumps({"valid": False, "file": str(file), "problems": problems}, indent=2))
        return 2
    warnings = loaded.warnings
    if as_json:
        said = {"warnings": [dataclasses.asdict(warning) for warning in warnings], "deployable": dataclasses.asdict(loaded.deployable)}
        print(json.dumps({"valid": True, "file": str(file), **said}, indent=2))
    else:
        for warning in warnings:
            place = f"{file}:{warning.line}" if warning.line is not None else str(file)
            print(f"{place}: warning: {warning.key}: {warning.message}", file=sys.stderr)
        print(f"{file} is right. It says:\n")
        print("\n".join(summary(loaded.deployable)))
    return 0


def validate_all(files: Sequence[Path], *, as_json: bool) -> int:
    """Files that one account is to hold: each by itself, then together; whether they are right, and not what they say."""
    right: list[Path] = []
    told = []
    for file in files:
        problems: tuple[spec.Problem, ...] = ()
        try:
            spec.check_together(file, right)
            right.append(file)
        except spec.SpecError as error:
            problems = error.problems
            if not as_json:
                say_problems(error)
        if not problems and not as_json:
            print(f"{file} is right")
        told.append({"valid": not problems, "file": str(file), "problems": [dataclasses.asdict(problem) for problem in problems]})
    if as_json:
        print(json.dumps(told, indent=2))
    return 0 if len(right) == len(files) else 2


def _foundation(file: Path, foundation: SharedFoundation, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"valid": True, "file": str(file), "warnings": [], "foundation": dataclasses.asdict(foundation)}, indent=2))
        return 0
    zones = "1 zone" if foundation.network.zones == 1 else f"{foundation.network.zones} zones"
    way_out = spec.way_out_of(foundation.network)
    print(f"{file} is right. It says:\n")
    print(f"foundation {foundation.name}, for deployables that say so: network {foundation.network.cidr} over {zones}, {way_out}")
    print(f"  told when the ladder ends, for all of them: {', '.join(foundation.notify) or 'nobody (notify is empty)'}")
    if foundation.dashboard:
        print("  one screen for all of them, with the verdicts of whatever is watched in this account and region")
    if foundation.database_secrets:
        print("  those whose database has a password read it by this network's one way to Secrets Manager")
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


def losses(deployable: Deployable) -> Iterator[str]:
    """What each assembly loses when its machine is replaced: said before anything is broken, not found out."""
    for assembly in deployable.assemblies:
        yield f"{deployable.name}/{assembly.name}: a restart keeps the disk, a replacement does not: {kept_words(assembly.state)}"


def summary(deployable: Deployable) -> Iterator[str]:
    """What is promised, in words."""
    network = deployable.network
    zones = "1 zone" if network.zones == 1 else f"{network.zones} zones"
    if deployable.foundation is not None:
        place = f"on the foundation {deployable.foundation}, in {zones} of its network"
        yield f"deployable {deployable.name}: {place}, {spec.way_out(deployable)}"
        yield f"  {deployable.foundation}'s file says who is told; its budget of replacements spans all that stand on it"
    else:
        yield f"deployable {deployable.name}: network {network.cidr} over {zones}, {spec.way_out(deployable)}"
        yield f"  told when the ladder ends: {', '.join(deployable.notify) or 'nobody (notify is empty)'}"
    for name, words in zone_words(deployable):
        yield f"  one zone: {name}: {words}"
    yield from database_words(deployable)
    for assembly in deployable.assemblies:
        yield from _assembly(assembly, network.cidr)
    yield from (f"  {note}" for note in (*spec.capacity_words(deployable), *spec.image_notes(deployable)))
    if deployable.pins:
        yield f"  images pinned in: {', '.join(sorted({pin.region for pin in deployable.pins}))}"


def _assembly(assembly: Assembly, network: str) -> Iterator[str]:
    architecture = spec.architecture_of(assembly.instances[0])
    yield f"  assembly {assembly.name}: one node of {' or '.join(assembly.instances)} ({architecture}) from {assembly.image}"
    if assembly.front.kind is FrontKind.ELASTIC_IP:
        yield f"    clients: an Elastic IP, port {', '.join(map(str, assembly.front.ports))}, from anywhere"
    elif assembly.front.kind is FrontKind.NETWORK_INTERFACE:
        ports = ", ".join(map(str, assembly.front.ports))
        yield f"    clients: a private address that moves with its network interface, port {ports}, from within the network"
    elif assembly.front.record is not None:
        yield from _name_of(assembly.front, assembly.front.record)
    elif assembly.front.balancer is not None:
        yield from balancer_words(assembly.front, assembly.front.balancer, network)
    else:
        yield "    clients: no fixed address"
    if assembly.after:
        yield f"    let in once {' and '.join(assembly.after)} {'serves' if len(assembly.after) == 1 else 'serve'}"
    if assembly.reaches or assembly.database:
        yield f"    talks to: {', '.join((*assembly.reaches, *reached(assembly.database)))}"
    yield f"    state: {kept_words(assembly.state)}"
    tls = "HTTP with TLS" if assembly.http.certificate is not None else "HTTP"
    token = ", with a token for what changes something" if assembly.http.token_file is not None else ""
    yield f"    the node answers on port {assembly.ha_port} (HA) and {assembly.http_port} ({tls}{token})"
    yield f"    a new node is up within {duration_text(assembly.start_grace_s)}, or it is given up"
    yield f"    lost nodes: {tolerated(assembly.tolerance, 'replaced', 'a person is told, and it is replaced all the same')}"
    yield from _names(assembly)
    for application in assembly.applications:
        yield from (f"    {line}" for line in application_words(application))


def _name_of(front: Front, record: Record) -> Iterator[str]:
    whence = "anywhere" if record.public else "within the network"
    yield f"    clients: by the name {record.name}, port {', '.join(map(str, front.ports))}, from {whence}"
    yield (
        f"    after a move they may go to the old address for {duration_text(record.ttl_s)} more, "
        "and longer where a program keeps what it looked up once"
    )
    yield "    whoever asks before the first node serves may be told for 15 minutes that there is no such name"
    if record.public:
        yield f"    its record is kept in your public zone {record.zone} and holds the node's own public address, which ends with the node:"
        yield "    until the record has changed everywhere, and for its TTL, that address may be a stranger's; an Elastic IP stays yours"
    elif record.zone is None:
        yield "    a private zone of that name alone is made ($0.50 a month); when the stack is removed it stays, to be deleted by hand"
    else:
        yield f"    its record is kept in your zone {record.zone}: whoever is to find it needs a network that this zone serves"


def _names(assembly: Assembly) -> Iterator[str]:
    means = {Resolves.NODE: "this node", Resolves.FRONT: "the clients' address"}
    if assembly.host_names:
        told = (
            f"{name.name} is {f'the address of {name.of}' if name.of else means.get(name.resolves, name.address)}"
            for name in assembly.host_names
        )
        yield f"    in its hosts file: {', '.join(told)}"
    if assembly.depends_on:
        hook = f"; at a change it runs {shlex.join(assembly.on_address_change)}" if assembly.on_address_change else ""
        yield f"    watched addresses: {', '.join(assembly.depends_on)}{hook}"
