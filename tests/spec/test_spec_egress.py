"""Ways out: what the file says, what does not go with it, and what each costs."""

from __future__ import annotations

from pathlib import Path

import pytest

import spec
from core.estimate.egress import egress
from core.estimate.lines import Line
from core.model import Deployable, Egress
from spec.rates import load_rates

FILE = """\
deployable: ledger
network: {{cidr: 10.20.0.0/16, zones: {zones}, egress: {egress}}}
assemblies:
  - name: scheduler
    image: debian-12
    instances: [t4g.small]
    front: {front}
    state: {{keep: none}}
    applications:
      - {{name: ledger, run: {{exec: [/bin/ledger]}}}}
"""


def read(folder: Path, egress: str, *, zones: int = 2, front: str = "{kind: none}") -> Deployable:
    (folder / "ledger.yaml").write_text(FILE.format(egress=egress, zones=zones, front=front))
    return spec.load(folder / "ledger.yaml")


def lines(deployable: Deployable) -> list[Line]:
    return list(egress(deployable, load_rates().rates))


@pytest.mark.parametrize(("word", "said"), [("none", "no way out"), ("nat", "2 NAT gateways"), ("public_ip", "of each node's own")])
def test_each_way_out_is_said_in_words(word: str, said: str, tmp_path: Path) -> None:
    deployable = read(tmp_path, word)

    assert deployable.network.egress is Egress(word)
    assert said in spec.way_out(deployable)


def test_an_elastic_ip_behind_a_nat_gateway_is_refused(tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html"""
    with pytest.raises(spec.SpecError) as caught:
        read(tmp_path, "nat", front="{kind: elastic_ip, ports: [8080]}")

    [problem] = caught.value.problems
    assert problem.key == "assemblies[0].front.kind"
    assert "leads nowhere behind a NAT gateway" in problem.message


def test_no_way_out_costs_nothing_and_the_others_what_they_bring(tmp_path: Path) -> None:
    assert lines(read(tmp_path, "none")) == []
    assert [(line.part, line.quantity) for line in lines(read(tmp_path, "public_ip"))] == [("public address", 730)]
    assert lines(read(tmp_path, "public_ip", front="{kind: elastic_ip, ports: [80]}")) == [], "the Elastic IP takes its place"
    one, two = (lines(read(tmp_path, "nat", zones=zones)) for zones in (1, 2))
    assert [(line.part, line.quantity) for line in two] == [("NAT gateways", 1460), ("public address", 1460)]
    assert [2 * line.quantity for line in one] == [line.quantity for line in two], "each zone has its own"
