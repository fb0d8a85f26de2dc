"""Fixtures that change one deployable file and read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from spec_files import FILE, GOOD, AssemblyOf, Of, ProblemsOf, Read

import spec
from spec import Loaded, Problem


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def find(**changes: str) -> Loaded:
        (tmp_path / "ledger.yaml").write_text(FILE.format(**{**GOOD, **changes}))
        return spec.load_with_warnings(tmp_path / "ledger.yaml")

    return find


@pytest.fixture
def assembly_of(read: Read) -> AssemblyOf:
    return lambda **changes: read(**changes).deployable.assemblies[0]


@pytest.fixture
def of(assembly_of: AssemblyOf) -> Of:
    """The application of the file with one key of its own, say."""
    return lambda text="", **changes: assembly_of(application=text, **changes).applications[0]


@pytest.fixture
def problems_of(read: Read) -> ProblemsOf:
    def find(text: str = "", **changes: str) -> tuple[Problem, ...]:
        with pytest.raises(spec.SpecError) as caught:
            read(**{"application": text, **changes})
        return caught.value.problems

    return find
