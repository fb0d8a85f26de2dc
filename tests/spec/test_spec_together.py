"""Files that one account is to hold: what shows only when they are read together."""

from __future__ import annotations

from pathlib import Path

import pytest
from spec_files import ProblemsOf

import spec

FILE = """\
deployable: {name}
{top}
assemblies:
  - name: counter
    image: debian-12
    instances: [t4g.small]
    state: {{keep: none}}
    applications: [{{name: counter, run: {{exec: [/bin/counter]}}}}]
"""


def written(folder: Path, name: str, top: str, file: str = "") -> Path:
    path = folder / f"{file or name}.yaml"
    path.write_text(FILE.format(name=name, top=top) if name != "shared" else f"foundation: shared\n{top}\n")
    return path


@pytest.mark.parametrize("other", ["10.20.0.0/16", "10.20.3.0/24"])
@pytest.mark.parametrize("name", ["scheduler", "shared"])
def test_networks_that_overlap_are_refused_with_both_and_what_to_do(name: str, other: str, tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html"""
    one = written(tmp_path, name, f"network: {{cidr: {other}}}")
    two = written(tmp_path, "ledger", "network: {cidr: 10.20.0.0/16}")

    with pytest.raises(spec.SpecError) as caught:
        spec.check_together(two, [one])

    [problem] = caught.value.problems
    assert (problem.key, problem.value, problem.line) == ("network.cidr", '"10.20.0.0/16"', 2)
    assert f"overlaps {other} of {one}" in problem.message
    assert "a range of its own" in problem.remedy


def test_a_range_that_a_file_does_not_say_overlaps_too(tmp_path: Path) -> None:
    one, two = (written(tmp_path, name, "") for name in ("one", "two"))

    with pytest.raises(spec.SpecError, match="overlaps"):
        spec.check_together(two, [one])


def test_one_name_twice_would_be_one_stack(tmp_path: Path) -> None:
    one = written(tmp_path, "ledger", "network: {cidr: 10.20.0.0/16}", file="one")
    two = written(tmp_path, "ledger", "network: {cidr: 10.21.0.0/16}", file="two")

    with pytest.raises(spec.SpecError, match=f"is the name of {one} already"):
        spec.check_together(two, [one])


def test_apart_and_on_one_foundation_they_are_right(tmp_path: Path) -> None:
    shared = written(tmp_path, "shared", "network: {cidr: 10.20.0.0/16}")
    one, two = (written(tmp_path, name, "foundation: shared") for name in ("one", "two"))
    three = written(tmp_path, "three", "network: {cidr: 10.21.0.0/16}")

    spec.check_together(three, [shared, one, two])
    spec.check_together(two, [shared, one, three])


@pytest.mark.parametrize(
    ("clients", "words"),
    [
        ("[10.0.0.0/8, 10.1.0.0/16]", "keep the wider one, 10.0.0.0/8"),
        ("[203.0.113.7, 203.0.113.0/24]", "keep the wider one, 203.0.113.0/24"),
        ("[203.0.113.0/24, 203.0.113.0/24]", "keep the wider one, 203.0.113.0/24"),
    ],
)
def test_clients_networks_that_overlap_are_refused(clients: str, words: str, problems_of: ProblemsOf) -> None:
    [problem] = problems_of(front=f"{{kind: nlb, ports: [8080], clients: {clients}}}")

    assert problem.key == "assemblies[0].front"
    assert "networks that overlap" in problem.message
    assert words in problem.remedy


def test_a_section_that_is_no_section_is_told_its_keys(problems_of: ProblemsOf) -> None:
    [problem] = problems_of(assembly="tolerance: 3")

    assert (problem.key, problem.value) == ("assemblies[0].tolerance", "3")
    assert problem.message == "is not a section with keys of its own"
    assert problem.remedy == "write {KEY: VALUE, ...}; there are: failures, window"
