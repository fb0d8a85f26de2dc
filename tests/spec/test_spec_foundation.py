"""Foundations that several deployables share: their own file, and what their deployables may not say for themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

import spec

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "deployables" / "foundations" / "shared.yaml"
TENANT = """\
deployable: tenant
foundation: shared
assemblies:
  - name: app
    image: debian-12
    instances: [t4g.small]
    state: {keep: none}
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
"""


def written(folder: Path, text: str) -> Path:
    (folder / "file.yaml").write_text(text)
    return folder / "file.yaml"


def problems(folder: Path, text: str) -> list[tuple[str, str]]:
    path = written(folder, text)
    with pytest.raises(spec.SpecError) as error:
        (spec.load_foundation if spec.is_foundation(path) else spec.load)(path)
    return [(problem.key, problem.message) for problem in error.value.problems]


def test_the_example_is_read_and_its_deployable_names_it() -> None:
    foundation = spec.load_foundation(SHARED)

    assert (foundation.name, foundation.network.cidr, foundation.network.zones) == ("shared", "10.30.0.0/16", 2)
    assert spec.load(ROOT / "deployables" / "tenant.yaml").foundation == "shared"


def test_the_two_kinds_of_file_are_told_apart_by_what_they_name(tmp_path: Path) -> None:
    assert spec.is_foundation(SHARED)
    assert not spec.is_foundation(written(tmp_path, TENANT))
    assert not spec.is_foundation(written(tmp_path, "["))
    assert not spec.is_foundation(tmp_path / "nothing.yaml")


def test_a_deployable_has_its_own_when_it_says_so_or_nothing(tmp_path: Path) -> None:
    assert spec.load(written(tmp_path, TENANT.replace("shared", "own"))).foundation is None
    assert spec.load(written(tmp_path, TENANT.replace("foundation: shared\n", ""))).foundation is None


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("notify: [a@example.com]", "notify"),
        ("dashboard: true", "dashboard"),
        ("network: {cidr: 10.1.0.0/16}", "network.cidr"),
    ],
)
def test_what_a_foundation_settles_for_all_no_deployable_settles_for_itself(tmp_path: Path, line: str, key: str) -> None:
    assert problems(tmp_path, f"{TENANT}{line}\n") == [(key, "belongs to the foundation shared")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("state: {keep: none}", "state: {keep: s3, path: /var/lib/app}"),
        ("state: {keep: none}", "state: {keep: none}\n    front: {kind: alb, ports: [80], target_port: 8080}"),
        ("state: {keep: none}", "state: {keep: none}\n    front: {kind: nlb, ports: [8080]}"),
        ("assemblies:", "network: {zones: 1}\nassemblies:"),
        (
            "assemblies:",
            "database: {engine: postgres, version: '16.13', instance: db.t4g.medium, multi_az: true, auth: iam}\nassemblies:",
        ),
    ],
)
def test_whatever_is_its_own_it_may_have_on_a_shared_foundation_too(tmp_path: Path, old: str, new: str) -> None:
    text = TENANT.replace(old, new)
    if "database:" in text:
        text = text.replace("    image:", "    reaches: [database]\n    image:")

    assert spec.load(written(tmp_path, text)).foundation == "shared"


def test_a_foundation_says_what_its_deployables_share_besides(tmp_path: Path) -> None:
    found = spec.load_foundation(written(tmp_path, "foundation: shared\ndashboard: true\ndatabase_secrets: true\n"))

    assert (found.dashboard, found.database_secrets) == (True, True)


def test_how_many_zones_a_deployable_uses_is_its_own_business(tmp_path: Path) -> None:
    assert spec.load(written(tmp_path, f"{TENANT}network: {{zones: 1}}\n")).network.zones == 1


def test_a_name_that_would_be_a_foundations_stack_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, TENANT.replace("deployable: tenant", "deployable: shared-foundation")) == [
        ("deployable", "ends as the stack of a shared foundation does")
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("foundation: own\n", ("foundation", "means a deployable's own")),
        ("foundation: shared\nnetwrk: {}\n", ("netwrk", "is no key of a foundation file")),
        ("foundation: Shared\n", ("foundation", "is not a name")),
        ("foundation: shared\nnetwork: {cidr: 8.8.8.0/24}\n", ("network.cidr", "")),
        ("foundation: shared\nnetwork: {egress: nat}\ndatabase_secrets: true\n", ("database_secrets", "stands in the way")),
    ],
)
def test_a_wrong_foundation_is_refused_by_its_key(tmp_path: Path, text: str, problem: tuple[str, str]) -> None:
    ((key, message),) = problems(tmp_path, text)

    assert key == problem[0]
    assert problem[1] in message
