"""What lives in one zone: a network of two is refused, and what one costs is said."""

from __future__ import annotations

from pathlib import Path

import pytest

import spec
from core.model import Deployable, Front, FrontKind
from core.state import Keep
from core.zonal import zone_words

FILE = """\
deployable: ledger
{network}
assemblies:
  - name: scheduler
    image: debian-12
    instances: [t4g.small]
    front: {front}
    state: {state}
    applications: [{{name: ledger, run: {{exec: [/bin/ledger]}}}}]
"""
INTERFACE = "{kind: network_interface, ports: [8080]}"
ONE, TWO = "network: {zones: 1}", "network: {zones: 2}"


VOLUME = "{keep: ebs, path: /var/lib/ledger, size: 8G}"


def read(folder: Path, *, network: str, front: str = "{kind: none}", state: str = "{keep: none}") -> Deployable:
    (folder / "ledger.yaml").write_text(FILE.format(network=network, front=front, state=state))
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


def test_state_on_a_volume_says_where_and_how_large(tmp_path: Path) -> None:
    found = read(tmp_path, state=VOLUME, network=ONE).assemblies[0].state

    assert (found.keep, found.path, found.size_gb, found.on_volume, found.saved) == (Keep.EBS, "/var/lib/ledger", 8, True, False)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("{keep: ebs, path: /var/lib/ledger}", "how large its volume is"),
        ("{keep: ebs, size: 8G}", "which folder"),
        ("{keep: ebs, path: /var/lib/ledger, size: 1500M}", "whole number of GB"),
        ("{keep: ebs, path: /var/lib/ledger, size: 17T}", "is not between 1G and 16T"),
        ("{keep: ebs, path: /var/lib, size: 8G}", "folder of the system"),
        ("{keep: ebs, path: /var/lib/ledger, size: 8G, every: 5s}", "no every"),
        ("{keep: s3, path: /var/lib/ledger, size: 8G}", "a size and no volume"),
    ],
)
def test_what_a_volume_needs_and_has_not_is_refused(state: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(spec.SpecError) as caught:
        read(tmp_path, state=state, network=ONE)

    assert any(words in problem.message for problem in caught.value.problems)


def test_a_volume_in_two_zones_is_refused(tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/ebs/latest/userguide/ebs-attaching-volume.html"""
    with pytest.raises(spec.SpecError) as caught:
        read(tmp_path, state=VOLUME, network=TWO)

    [problem] = caught.value.problems
    assert (problem.key, "the volume of scheduler" in problem.message) == ("network.zones", True)


def test_what_crosses_zones_may_have_two(tmp_path: Path) -> None:
    assert read(tmp_path, network=TWO).network.zones == 2


def test_what_one_zone_costs_is_said_of_those_who_are_bound_to_it_and_of_nobody_else(tmp_path: Path) -> None:
    [(assembly, words)] = zone_words(read(tmp_path, front=INTERFACE, network=ONE))

    assert (assembly, "while that zone is down" in words) == ("scheduler", True)
    assert list(zone_words(read(tmp_path, network=ONE))) == []
