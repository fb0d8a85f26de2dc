"""A whole deployable file: what it becomes, and how its errors are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import spec
from core.model import FrontKind, Tolerance
from spec import Problem

ROOT = Path(__file__).resolve().parents[2]
MINIMAL = """\
deployable: ledger
assemblies:
  - name: scheduler
    image: debian-12
    instances: [t4g.small]
    state: {keep: none}
    applications:
      - name: ledger
        run: {exec: [/opt/ledger/bin/ledger, --port, "8080"]}
"""
Problems = Callable[[str], tuple[Problem, ...]]


@pytest.fixture
def problems(tmp_path: Path) -> Problems:
    """The problems of a text; fails when there are none."""

    def find(text: str) -> tuple[Problem, ...]:
        file = tmp_path / "ledger.yaml"
        file.write_text(text)
        with pytest.raises(spec.SpecError) as caught:
            spec.load(file)
        return caught.value.problems

    return find


def test_the_demo_becomes_the_model() -> None:
    deployable = spec.load(ROOT / "deployables" / "demo.yaml")

    assembly = deployable.assembly("counter")
    assert (deployable.name, deployable.network.zones, deployable.notify) == ("demo", 2, ())
    assert (assembly.front.kind, assembly.front.ports) == (FrontKind.ELASTIC_IP, (8080,))
    assert (assembly.start_grace_s, assembly.tolerance) == (120.0, Tolerance(2, 3600.0))
    [application] = assembly.applications
    assert application.install is not None
    assert (application.install.source, application.install.to) == ("./demo", "/opt/counter")
    assert [(probe.http, probe.tcp, probe.every_s) for probe in application.probes] == [
        ("http://127.0.0.1:8080/healthz", None, 1.0),
        (None, "127.0.0.1:8080", 5.0),
    ]


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    (tmp_path / "ledger.yaml").write_text(MINIMAL)

    assembly = spec.load(tmp_path / "ledger.yaml").assemblies[0]

    assert (assembly.front.kind, assembly.ha_port, assembly.http_port) == (FrontKind.NONE, 7810, 7880)
    assert assembly.applications[0].tolerance == Tolerance(3, 300.0)
    assert assembly.applications[0].run.exec == ("/opt/ledger/bin/ledger", "--port", "8080")


def test_every_error_is_told_at_once_in_the_order_of_the_file(problems: Problems) -> None:
    found = problems(
        "deployable: Ledger\n"
        "databse: {}\n"
        "network: {cidr: 10.20.0.0/30}\n"
        "assemblies:\n"
        "  - name: scheduler\n"
        "    image: debian-12\n"
        "    instances: [t4g.small, m5.large]\n"
        "    state: {keep: s3}\n"
        "    applications:\n"
        "      - name: a\n"
        "        run: {exec: [run-me]}\n"
        "        tolerance: {failures: 3, window: 5}\n"
        "      - name: a\n"
        "        run: {systemd: ledger}\n"
        "        after: [b]\n"
    )

    assert [(problem.line, problem.key) for problem in found] == [
        (1, "deployable"),
        (2, "databse"),
        (3, "network.cidr"),
        (7, "assemblies[0].instances"),
        (8, "assemblies[0].state"),
        (11, "assemblies[0].applications[0].run.exec"),
        (12, "assemblies[0].applications[0].tolerance.window"),
        (13, "assemblies[0].applications[1].name"),
        (14, "assemblies[0].applications[1].run.systemd"),
        (15, "assemblies[0].applications[1].after[0]"),
    ]
    assert all(problem.remedy for problem in found)


def test_a_problem_says_key_value_line_and_remedy(problems: Problems) -> None:
    [problem] = problems(MINIMAL + "        tolerance: {failures: 3, window: 300}\n")

    assert problem == Problem(
        key="assemblies[0].applications[0].tolerance.window",
        value="300",
        line=10,
        message="is not a duration",
        remedy="write a number and its unit, such as 500ms, 5s, 2m, 1h or 7d",
    )
    assert str(problem).startswith("line 10: assemblies[0].applications[0].tolerance.window (300) is not a duration; ")


def test_a_misspelt_key_is_refused_with_the_nearest_one(problems: Problems) -> None:
    [problem] = problems(MINIMAL + "        enviroment: {A: b}\n")

    assert (problem.message, problem.remedy) == ("is no key of a deployable file", "did you mean environment?")


def test_a_missing_key_is_told_where_it_belongs(problems: Problems) -> None:
    [problem] = problems(MINIMAL.replace("    state: {keep: none}\n", ""))

    assert (problem.key, problem.line, problem.value, problem.message) == ("assemblies[0].state", 3, None, "is missing")
    assert "state: {keep: none}" in problem.remedy


def test_a_long_value_is_cut(problems: Problems) -> None:
    [problem] = problems(MINIMAL.replace("deployable: ledger", f"deployable: {'x' * 5000}"))

    assert problem.value is not None
    assert len(problem.value) == 80


def test_the_schema_knows_every_key_of_the_demo_and_no_other() -> None:
    schema = spec.json_schema()

    assert set(schema["properties"]) == {"deployable", "foundation", "network", "database", "notify", "recovery", "dashboard", "assemblies"}
    assert all(section["additionalProperties"] is False for section in schema["$defs"].values())
    window = schema["$defs"]["ToleranceSection"]["properties"]["window"]
    assert window["pattern"].startswith("^(")
    assert all("description" in about for section in schema["$defs"].values() for about in section["properties"].values())


@pytest.mark.parametrize(
    ("instance_type", "architecture"),
    [
        ("t4g.small", "arm64"),
        ("im4gn.large", "arm64"),
        ("a1.large", "arm64"),
        ("g5g.xlarge", "arm64"),
        ("t3.small", "x86_64"),
        ("g4dn.xlarge", "x86_64"),
        ("m7i-flex.large", "x86_64"),
        ("u-6tb1.metal", "x86_64"),
    ],
)
def test_the_architecture_follows_from_the_types_name(instance_type: str, architecture: str) -> None:
    """https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html"""
    assert spec.architecture_of(instance_type) == architecture
