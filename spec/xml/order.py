"""The constraints: which service waits for which, by the names that Pacemaker's resources had."""

from __future__ import annotations

from dataclasses import dataclass, field

from spec.xml.draft import Draft
from spec.xml.parser import Node


@dataclass(frozen=True, slots=True)
class Place:
    """An application of the file that is made, in its names. index: of the assembly."""

    index: int
    assembly: str
    application: str


@dataclass(slots=True)
class Order:
    """within: application to those before it in its assembly; among: index of an assembly to those before it."""

    within: dict[Place, list[str]] = field(default_factory=dict)
    among: dict[int, list[str]] = field(default_factory=dict)


def order(constraints: list[Node], known: dict[str, list[Place]], draft: Draft) -> Order:
    """known: what each id means; `rsc_ASSEMBLY_SERVICE`, `cfg_ASSEMBLY_SERVICE`, and a service's plain name."""
    found = Order()
    for node in constraints:
        first, then = (_place(node, key, known, draft) for key in ("first", "then"))
        if first is None or then is None:
            continue
        draft.note_once(
            "a constraint of the original also restarted the second service when the first was restarted; "
            "`after` is the order of starting, and the reverse of stopping"
        )
        if first.assembly == then.assembly:
            _append(found.within.setdefault(then, []), first.application)
        else:
            _append(found.among.setdefault(then.index, []), first.assembly)
            draft.note(
                ("assemblies", then.index, "after"),
                node.line,
                f"all of {then.assembly} waits for all of {first.assembly}: in the original only {then.application} waited, "
                f"for {first.application}",
            )
    return found


def _place(node: Node, key: str, known: dict[str, list[Place]], draft: Draft) -> Place | None:
    name = node.get(key, "").strip()
    places = known.get(name, [])
    if len(places) == 1:
        if not name.startswith(("rsc_", "cfg_")):
            told = f'{key}="{name}" is taken for the service of that name; the original knows rsc_ASSEMBLY_SERVICE only'
            draft.note(("assemblies", places[0].index), node.line, told)
        return places[0]
    names = sorted(each for each, found in known.items() if each.startswith("rsc_") and len(found) == 1)
    message = f"names two services as {key}" if places else f"names no service as {key}"
    draft.refuse(("constraints",), node.line, message, f"there are: {', '.join(names)}", value=name)
    return None


def _append(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)
