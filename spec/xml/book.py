"""What every part of the mapping looks up: names as the file has them and as ours, and who waits for whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from spec.problems import KeyPath
from spec.xml.draft import Draft
from spec.xml.names import ours
from spec.xml.order import Order, Place, order
from spec.xml.parser import Node

RENAMED = "names here are up to 32 lower-case letters, digits and dashes"


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person says beside the file, where the file does not. ports: by assembly, in the file's own names."""

    image: str | None = None
    instances: tuple[str, ...] = ()
    keep: str | None = None
    ports: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assembly:
    """index: in the file; name: ours; services: application names, ours, by the names that the file has."""

    index: int
    node: Node
    name: str
    services: dict[str, str]

    @property
    def path(self) -> KeyPath:
        return ("assemblies", self.index)

    def configuring(self, application: str) -> str:
        """The name of the application that runs its configure_executable."""
        return ours(application, self.services.values(), suffix="-configure")


@dataclass(frozen=True, slots=True)
class Book:
    """assemblies: by the names that the file has; referenced: those that a parameter refers to; order: see spec.xml.order."""

    draft: Draft
    choices: Choices
    deployable: str
    assemblies: dict[str, Assembly]
    referenced: frozenset[str]
    order: Order

    def host_name(self, given: str) -> str:
        """By which others find an assembly."""
        return f"{self.assemblies[given].name}.{self.deployable}.internal"


def text_of(node: Node, attribute: str) -> str:
    """Empty where there is none."""
    return node.get(attribute, "").strip()


def nodes(node: Node, path: str) -> Iterator[Node]:
    for found in node.iterfind(path):
        assert isinstance(found, Node), "the parser makes no other"
        yield found


def open_book(root: Node, choices: Choices) -> Book:
    draft = Draft()
    deployable = _named(root, (), "deployable", set(), draft)
    assemblies = _assemblies(root, draft)
    referenced = frozenset(text_of(node, "assembly") for node in nodes(root, ".//reference"))
    for name in choices.ports:
        if name not in assemblies:
            draft.refuse(("--ports",), root.line, "names no assembly", f"there are: {', '.join(assemblies)}", value=name)
    waiting = order(list(nodes(root, "constraints/*")), _ids(assemblies), draft)
    return Book(draft, choices, deployable, assemblies, referenced, waiting)


def _named(node: Node, path: KeyPath, key: str, taken: set[str], draft: Draft) -> str:
    given = text_of(node, "name")
    name = ours(given, taken)
    taken.add(name)
    draft.lines[path] = draft.lines[(*path, key)] = node.line
    if name != given:
        draft.note((*path, key), node.line, f'was "{given}": {RENAMED}')
    return name


def _assemblies(root: Node, draft: Draft) -> dict[str, Assembly]:
    found: dict[str, Assembly] = {}
    taken: set[str] = set()
    draft.lines[("assemblies",)] = next(nodes(root, "assemblies")).line
    for index, node in enumerate(nodes(root, "assemblies/assembly")):
        services: dict[str, str] = {}
        for service in nodes(node, "services/service"):
            services[text_of(service, "name")] = ours(text_of(service, "name"), services.values())
        name = _named(node, ("assemblies", index), "name", taken, draft)
        found[text_of(node, "name")] = Assembly(index, node, name, services)
    return found


def _ids(assemblies: dict[str, Assembly]) -> dict[str, list[Place]]:
    """What a constraint may name, and what it means."""
    known: dict[str, list[Place]] = {}
    for given, assembly in assemblies.items():
        for service, name in assembly.services.items():
            place = Place(assembly.index, assembly.name, name)
            for key in {f"rsc_{given}_{service}", service}:
                known.setdefault(key, []).append(place)
    for given, assembly in assemblies.items():
        for node in nodes(assembly.node, "services/service[configure_executable]"):
            name = assembly.configuring(assembly.services[text_of(node, "name")])
            known.setdefault(f"cfg_{given}_{text_of(node, 'name')}", []).append(Place(assembly.index, assembly.name, name))
    return known
