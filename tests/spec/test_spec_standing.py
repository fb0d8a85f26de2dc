"""A deployable read together with the foundation that it stands on: what that says for all, and what does not go with it."""

from __future__ import annotations

from pathlib import Path

import pytest

import spec
from core.estimate.estimating import estimate, estimate_foundation
from core.model import Deployable, Egress
from spec.rates import load_rates

FOUNDATION = "foundation: shared\nnetwork: {cidr: 10.30.0.0/16, zones: %d, egress: %s}\n"
TENANT = """\
deployable: tenant
foundation: shared
%sassemblies:
  - name: app
    image: debian-12
    instances: [t4g.small]
    state: {keep: none}
    front: %s
    reaches: [%s]
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
"""
POSTGRES = "database: {engine: postgres, version: '16.13', instance: db.t4g.medium%s}\n"
PUBLIC = "{kind: dns, name: shop.example.com, ports: [80], zone: {id: Z0THERE, name: example.com, public: true}}"
RATES = load_rates().rates


def read(
    folder: Path, egress: str | None, said: str = "", *, zones: int = 2, more: str = "", front: str = "{kind: none}", reaches: str = ""
) -> Deployable:
    """egress: the foundation's; None: its file is not there."""
    if egress is not None:
        (folder / "foundations").mkdir()
        (folder / "foundations/shared.yaml").write_text(FOUNDATION % (zones, egress) + more)
    (folder / "tenant.yaml").write_text(TENANT % (said, front, reaches))
    return spec.load(folder / "tenant.yaml")


def refused(folder: Path, egress: str | None, said: str = "", **others: str | int) -> spec.Problem:
    with pytest.raises(spec.SpecError) as caught:
        read(folder, egress, said, **others)  # type: ignore[arg-type]  # each goes where it is named
    [problem] = caught.value.problems
    return problem


@pytest.mark.parametrize("egress", ["none", "nat", "public_ip"])
def test_the_foundations_way_out_is_that_of_all_who_stand_on_it(egress: str, tmp_path: Path) -> None:
    found = read(tmp_path, egress, zones=1)

    assert (found.network.egress, found.network.zones) == (Egress(egress), 1)


def test_who_says_the_same_is_believed_and_who_says_another_is_told_which_and_where(tmp_path: Path) -> None:
    assert read(tmp_path, "nat", "network: {egress: nat}\n").network.egress is Egress.NAT
    (tmp_path / "tenant.yaml").write_text(TENANT % ("network: {egress: public_ip}\n", "{kind: none}", ""))

    with pytest.raises(spec.SpecError) as caught:
        spec.load(tmp_path / "tenant.yaml")

    [problem] = caught.value.problems
    assert (problem.key, problem.value, problem.line) == ("network.egress", '"public_ip"', 3)
    assert problem.message.endswith("of the foundation shared, which has one for all that stand on it: nat")
    assert problem.remedy == "leave it out, or change network.egress in foundations/shared.yaml"


def test_where_its_foundations_file_is_elsewhere_the_deployable_says_the_way_out_itself(tmp_path: Path) -> None:
    assert read(tmp_path, None).network.egress is Egress.NONE
    assert read(tmp_path, None, "network: {egress: nat}\n").network.egress is Egress.NAT


def test_more_zones_than_the_foundation_has_are_refused(tmp_path: Path) -> None:
    problem = refused(tmp_path, "none", "network: {zones: 2}\n", zones=1)

    assert (problem.key, problem.value) == ("network.zones", "2")


def test_a_public_name_needs_a_foundation_that_gives_nodes_addresses(tmp_path: Path) -> None:
    record = read(tmp_path, "public_ip", front=PUBLIC).assemblies[0].front.record

    assert record is not None
    assert record.public


@pytest.mark.parametrize(("egress", "front"), [("nat", PUBLIC), ("none", PUBLIC), ("nat", "{kind: elastic_ip, ports: [80]}")])
def test_a_front_that_the_foundations_way_out_does_not_carry_is_refused(egress: str, front: str, tmp_path: Path) -> None:
    problem = refused(tmp_path, egress, front=front)

    assert problem.key.startswith("assemblies[0].front")
    assert problem.remedy.startswith("stand on a foundation whose file says network.egress: public_ip")


@pytest.mark.parametrize(("auth", "key"), [("", "database"), (", auth: secret", "database.auth")])
def test_a_password_that_no_node_could_find_out_is_refused_before_cloudformation_is_asked(auth: str, key: str, tmp_path: Path) -> None:
    problem = refused(tmp_path, "none", POSTGRES % auth, reaches="database")

    assert problem.key == key
    assert problem.remedy == "write auth: iam, or database_secrets: true in foundations/shared.yaml"


@pytest.mark.parametrize(("egress", "more"), [("none", "database_secrets: true\n"), ("nat", ""), ("public_ip", "")])
def test_a_password_is_found_out_by_an_endpoint_or_by_a_way_out(egress: str, more: str, tmp_path: Path) -> None:
    assert read(tmp_path, egress, POSTGRES % ", auth: secret", more=more, reaches="database").database is not None


def test_a_foundations_file_that_is_no_good_or_anothers_is_said_of_the_deployable(tmp_path: Path) -> None:
    problem = refused(tmp_path, "sideways")
    assert (problem.key, problem.remedy) == ("foundation", "put foundations/shared.yaml right")
    assert "network.egress" in problem.message

    (tmp_path / "foundations/shared.yaml").write_text("foundation: another\n")
    with pytest.raises(spec.SpecError, match=r"is not what foundations/shared\.yaml says: another"):
        spec.load(tmp_path / "tenant.yaml")


def test_gateways_are_on_the_foundations_bill_and_addresses_on_that_of_who_has_the_node(tmp_path: Path) -> None:
    def ways(folder: Path, egress: str) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
        folder.mkdir()
        theirs, foundation = estimate(read(folder, egress), RATES), spec.load_foundation(folder / "foundations/shared.yaml")
        both = (estimate_foundation(foundation, RATES).lines, theirs.lines)
        shared, own = ([(line.part, line.quantity) for line in lines if line.part in ("NAT gateways", "public address")] for lines in both)
        return shared, own

    assert ways(tmp_path / "nat", "nat") == ([("NAT gateways", 1460), ("public address", 1460)], [])
    assert ways(tmp_path / "public", "public_ip") == ([], [("public address", 730)])
