"""From a service to an application, and to a second one where it has a program that configures it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spec.problems import KeyPath
from spec.values import duration_text
from spec.xml import escalation, parameters
from spec.xml.book import RENAMED, Assembly, Book, nodes, text_of
from spec.xml.order import Place
from spec.xml.parameters import Parameter
from spec.xml.parser import Node

MONITOR_S = (1.0, 3600.0)  # as spec.application bounds monitor_every
PCLOUDSH_INTERVAL = "60s"
_FIXED = "now a name in the hosts file that always means its fixed address; where it must serve first, say so with `after`"
_WAS = {"ipaddress": "the address of its machine, in digits and new with every machine", "hostname": "the name of its machine"}
_SCRIPT_RUNNER = (
    "a configure_executable is run by the resource agent ocf:pacemaker-cloud:script_runner, as in the original: the image must have it, "
    "with every parameter below in its meta-data. It fetches the program on the node, which has no way out to the Internet; "
    "better bake the program into the image. The original never monitored it; here it is asked every hour"
)
_SYSTEMCTL = (
    "class lsb is the init script of that type; the original, over ssh, ran `systemctl` on TYPE.service for it. Where the image has a unit "
    "and no script, write `run: {systemd: TYPE.service}`"
)
_FALL = "one bad answer of a monitor action was a failure in the original; here two in a row are, for one may be a slip"


def applications(book: Book, assembly: Assembly) -> tuple[list[dict[str, Any]], list[str]]:
    """Them, and the assemblies, as the file names them, that their parameters refer to."""
    made: list[dict[str, Any]] = []
    referring: dict[str, None] = {}
    for service in nodes(assembly.node, "services/service"):
        path: KeyPath = (*assembly.path, "applications", len(made))
        found = _known(book, parameters.read(service, path, book.draft), path)
        referring.update((each.assembly, None) for each in found if each.assembly is not None)
        name = assembly.services[text_of(service, "name")]
        after = list(book.order.within.get(Place(assembly.index, assembly.name, name), ()))
        configuring = service.find("configure_executable")
        if isinstance(configuring, Node):
            first = assembly.configuring(name)
            waits = book.order.within.get(Place(assembly.index, assembly.name, first), [])
            made.append(_configure(book, configuring, first, found, waits, path))
            path = (*assembly.path, "applications", len(made))
            after = [first, *(each for each in after if each != first)]
        made.append(_application(book, service, name, found, path))
        if after:
            book.draft.lines[(*path, "after")] = service.line
            made[-1]["after"] = after
    return made, list(referring)


def _known(book: Book, found: Iterable[Parameter], path: KeyPath) -> list[Parameter]:
    """Without those that refer to nothing, which are refused."""
    known = []
    for each in found:
        if each.assembly is None or each.assembly in book.assemblies:
            known.append(each)
        else:
            remedy = f"there are: {', '.join(book.assemblies)}"
            book.draft.refuse(path, each.line, f"refers to no assembly with parameter {each.name}", remedy, value=each.assembly)
    return known


def _application(book: Book, service: Node, name: str, found: list[Parameter], path: KeyPath) -> dict[str, Any]:
    draft, line, given = book.draft, service.line, text_of(service, "name")
    draft.lines.update({path: line, (*path, "name"): line, (*path, "run"): line, (*path, "tolerance"): line})
    if name != given:
        draft.note((*path, "name"), line, f'was "{given}": {RENAMED}')
    draft.note_once(_FALL)
    told = {"name": name, **_run(book, service, found, path)}
    told["monitor_every"] = _monitor_every(book, service, path)
    told["tolerance"] = escalation.tolerance(service, window="5m")
    for text in escalation.differences(service):
        draft.note((*path, "tolerance"), line, text)
    return told


def _run(book: Book, service: Node, found: list[Parameter], path: KeyPath) -> dict[str, Any]:
    """How it is started, and how its parameters reach it."""
    draft = book.draft
    kind, of_type = _kind(book, service, path)
    if kind == "ocf":
        agent = {"provider": text_of(service, "provider") or "heartbeat", "type": of_type}
        return {"run": {"ocf": _with_parameters(book, agent, found, path)}}
    if kind == "systemd":
        for each in found:
            told = f"parameter {each.name} ({_value(book, each, (*path, 'run'))}) is not handed over: a unit says its environment itself"
            draft.note((*path, "run"), each.line, told)
        return {"run": {"systemd": f"{of_type}.service"}}
    if not found:
        return {"run": {"lsb": f"/etc/init.d/{of_type}"}}
    key: KeyPath = (*path, "environment")
    draft.lines.update({(*key, each.name): each.line for each in found})
    only = "" if service.find("configure_executable") is None else ", only its configure_executable was"
    draft.note(
        key, service.line, f"in the original an init script is not handed its parameters{only}; here it finds them in its environment"
    )
    return {"run": {"lsb": f"/etc/init.d/{of_type}"}, "environment": {each.name: _value(book, each, key) for each in found}}


def _kind(book: Book, service: Node, path: KeyPath) -> tuple[str, str]:
    """Its class and type, or what pcloudsh would have."""
    draft, kind, of_type = book.draft, text_of(service, "class"), text_of(service, "type")
    if not of_type:
        of_type = text_of(service, "name")
        draft.note((*path, "run"), service.line, f"the service has no type: its name is taken, {of_type}")
    if not kind:
        kind = "lsb"
        draft.note((*path, "run"), service.line, "the service has no class: lsb, as pcloudsh has it")
    if kind == "lsb":
        draft.note_once(_SYSTEMCTL)
    if kind != "ocf" and service.get("provider") is not None:
        draft.note_once("provider is heeded for class ocf only, as in the original")
    return kind, of_type


def _with_parameters(book: Book, agent: dict[str, str], found: list[Parameter], path: KeyPath) -> dict[str, Any]:
    if not found:
        return dict(agent)
    book.draft.lines.update({(*path, "run", "ocf", "parameters", each.name): each.line for each in found})
    return {**agent, "parameters": {each.name: _value(book, each, (*path, "run")) for each in found}}


def _value(book: Book, parameter: Parameter, path: KeyPath) -> str:
    """The text that is handed over; of a reference the name that always leads to that assembly."""
    if parameter.was_lost:
        book.draft.note(path, parameter.line, f"parameter {parameter.name}: {parameter.was_lost}; here it is handed over")
    if parameter.assembly is None:
        return parameter.value
    book.draft.note(path, parameter.line, f"parameter {parameter.name}: was {_WAS[parameter.told]}, told when it came up; {_FIXED}")
    return book.host_name(parameter.assembly)


def _monitor_every(book: Book, service: Node, path: KeyPath) -> str:
    given = service.get("monitor_interval")
    key = (*path, "monitor_every")
    book.draft.lines[key] = service.line
    if given is None:
        book.draft.note(key, service.line, f"the service has no monitor_interval: {PCLOUDSH_INTERVAL}, as pcloudsh has it")
    asked_s = escalation.interval_s(given or PCLOUDSH_INTERVAL)
    every_s = min(max(asked_s, MONITOR_S[0]), MONITOR_S[1])
    if every_s != asked_s:
        was = "no monitoring after the start" if asked_s == 0 else f"every {duration_text(asked_s)}"
        book.draft.note(key, service.line, f'monitor_interval="{given}" was {was}; here it is between 1s and 1h')
    return duration_text(every_s)


def _configure(book: Book, node: Node, name: str, found: list[Parameter], after: list[str], path: KeyPath) -> dict[str, Any]:
    """The resource that the original made of it, before its service: without monitoring, and without escalation."""
    draft = book.draft
    draft.lines.update({path: node.line, (*path, "name"): node.line, (*path, "run"): node.line})
    draft.note((*path, "run"), node.line, _SCRIPT_RUNNER)
    if any(each.name == "executable_url" for each in found):
        draft.refuse(path, node.line, "has a parameter executable_url beside its configure_executable", "give it another name")
    agent = _with_parameters(book, {"provider": "pacemaker-cloud", "type": "script_runner"}, found, path)
    agent["parameters"] = {"executable_url": text_of(node, "url"), **agent.get("parameters", {})}
    told = {
        "name": name,
        "run": {"ocf": agent},
        "monitor_every": duration_text(MONITOR_S[1]),
        "tolerance": {"failures": "never", "window": "5m"},
    }
    return {**told, "after": list(after)} if after else told
