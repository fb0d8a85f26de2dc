"""What lives in one zone: a network of two is refused, and what one costs is said."""

from __future__ import annotations

from pathlib import Path

import pytest

import spec
from core.model import Deployable, Front, FrontKind
from core.zonal import zone_words

FILE = """\
deployable: ledger
{network}
assemblies:
  - name: scheduler
    image: debian-12
    instances: [t4g.small]
    front: {front}
    state: {{keep: none}}
    applications: [{{name: ledger, run: {{exec: [/bin/ledger]}}}}]
"""
INTERFACE = "{kind: network_interface, ports: [8080]}"
ONE, TWO = "network: {zones: 1}", "network: {zones: 2}"


def read(folder: Path, *, network: str, front: str = "{kind: none}") -> Deployable:
    (folder / "ledger.yaml").write_text(FILE.format(network=network, front=front))
    return spec.load(folder / "ledger.yaml")


def test_an_interface_as_front_needs_no_more_than_its_ports(tmp_path: Path) -> None:
    found = read(tmp_path, front=INTERFACE, network=ONE)

    assert found.assemblies[0].front == Front(kind=FrontKind.NETWORK_INTERFACE, ports=(8080,))


@pytest.mark.parametrize(("network", "key"), [(TWO, "network.zones"), ("network: {}", "network.zones"), ("", "network")])
def test_two_zones_are_refused_for_what_lives_in_one(network: str, key: str, tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html"""
    with pytest.raises(spec.SpecError) as caught:
        read(tmp_path, front=INTERFACE, network=network)

    [problem] = caught.value.problems
    assert problem.key == key
    assert "network interface" in problem.message
    assert "zones: 1" in problem.remedy


def test_what_crosses_zones_may_have_two(tmp_path: Path) -> None:
    assert read(tmp_path, network=TWO).network.zones == 2


def test_what_one_zone_costs_is_said_of_those_who_are_bound_to_it_and_of_nobody_else(tmp_path: Path) -> None:
    [(assembly, words)] = zone_words(read(tmp_path, front=INTERFACE, network=ONE))

    assert (assembly, "while that zone is down" in words) == ("scheduler", True)
    assert list(zone_words(read(tmp_path, network=ONE))) == []
