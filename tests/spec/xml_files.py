"""XML deployables to change and read, and how the tests that do so call them."""

from __future__ import annotations

from pathlib import Path

import pytest

import spec
from spec import Conversion, Problem

CORPUS = sorted((Path(__file__).parent / "seed_xml").glob("*.xml"))
EXAMPLE = Path(__file__).resolve().parents[2] / "deployables" / "wordpress.xml"
OURS = 'image="debian-12" instances="t4g.small" keep="none"'
SERVICE = '<service name="web" class="ocf" type="apache" monitor_interval="10s"/>'


def document(*services: str, assembly: str = OURS, more: str = "", constraints: str = "") -> str:
    """One assembly `a` with these services; more: further assemblies."""
    held = "\n".join(services or (SERVICE,))
    first = f'<assembly name="a" {assembly}><services>\n{held}\n</services></assembly>'
    return f'<deployable name="d">\n<assemblies>\n{first}\n{more}</assemblies>\n<constraints>{constraints}</constraints>\n</deployable>'


def converted(folder: Path, text: str | bytes, choices: spec.Choices | None = None) -> Conversion:
    path = folder / "d.xml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return spec.convert(path, choices)


def problems(folder: Path, text: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(spec.SpecError) as caught:
        converted(folder, text)
    return caught.value.problems


def said(made: Conversion, key: str) -> list[str]:
    return [note.message for note in made.notes if note.key == key]
