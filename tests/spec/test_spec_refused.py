"""What the format does not let pass, key by key, and what it has not yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import spec
from spec import Problem
from spec.artifact import BYTES_MAX

FILE = """\
deployable: ledger
{top}
network: {network}
assemblies:
  - name: scheduler
    image: {image}
    instances: {instances}
    state: {state}
    front: {front}
    {assembly}
    applications:
      - name: ledger
        run: {run}
        {application}
        probes:
          - {probe}
      - {second}
"""
GOOD = {
    "top": "",
    "network": "{cidr: 10.20.0.0/16}",
    "image": "debian-12",
    "instances": "[t4g.small]",
    "state": "{keep: none}",
    "front": "{kind: elastic_ip, ports: [8080]}",
    "assembly": "",
    "run": "{exec: [/bin/ledger]}",
    "application": "",
    "probe": "{tcp: '127.0.0.1:8080'}",
    "second": "{name: other, run: {exec: [/bin/other]}}",
}
Problems = Callable[..., tuple[Problem, ...]]


@pytest.fixture
def problems(tmp_path: Path) -> Problems:
    def find(**changes: str) -> tuple[Problem, ...]:
        (tmp_path / "ledger.yaml").write_text(FILE.format(**{**GOOD, **changes}))
        try:
            spec.load(tmp_path / "ledger.yaml")
        except spec.SpecError as error:
            return error.problems
        return ()

    return find


def test_the_file_that_these_tests_change_is_right(problems: Problems) -> None:
    assert problems() == ()


@pytest.mark.parametrize(
    ("place", "text", "key"),
    [
        ("assembly", "mode: pair", "assemblies[0].mode"),
    ],
)
def test_what_is_not_built_is_refused_by_name_and_once(place: str, text: str, key: str, problems: Problems) -> None:
    [problem] = problems(**{place: text})

    assert (problem.key, problem.message) == (key, "is not built yet")
    assert problem.remedy


@pytest.mark.parametrize(
    ("place", "text", "key", "words"),
    [
        ("network", "{cidr: 10.20.0.0/15}", "network.cidr", "too large or too small"),
        ("network", "{cidr: 10.20.0.1/16}", "network.cidr", "not an IPv4 network"),
        ("network", "{cidr: 8.8.0.0/16}", "network.cidr", "not a private network"),
        ("network", "{cidr: 10.20.0.0/16, zones: 3}", "network.zones", "less than or equal to 2"),
        ("network", "{egress: proxy}", "network.egress", "nat"),
        ("network", "{egress: nat}", "assemblies[0].front.kind", "leads nowhere behind a NAT gateway"),
        ("top", "notify: [nobody]", "notify[0]", "not an e-mail address"),
        ("image", "windows", "assemblies[0].image", "debian-12"),
        ("image", "ami-12", "assemblies[0].image", "no image that is known"),
        ("image", "ssm:my/image", "assemblies[0].image", "no image that is known"),
        ("image", "ami-0123456789abcdef0", "assemblies[0].image", "does not say where its own disk is"),
        ("image", "ssm:/my/image", "assemblies[0].image", "does not say where its own disk is"),
        ("assembly", "spot: 1", "assemblies[0].spot", "boolean"),
        ("assembly", "warm_pool: {size: 1}", "assemblies[0].warm_pool", "boolean"),
        ("assembly", "warm_pool: true\n    spot: true", "assemblies[0].warm_pool", "does not go with spot"),
        ("assembly", "maximum_lifetime: 12h", "assemblies[0].maximum_lifetime", "between 1d and 365d"),
        ("assembly", "root_device: /dev/sdb", "assemblies[0].root_device", "is known of debian-12"),
        ("instances", "[]", "assemblies[0].instances", "at least 1 item"),
        ("instances", "[t4g]", "assemblies[0].instances[0]", "not an instance type"),
        ("instances", "[t4g.small, t3.small]", "assemblies[0].instances", "t4g.small is arm64, t3.small is x86_64"),
        ("instances", "[t4g.small, t4g.small]", "assemblies[0].instances", "twice"),
        ("front", "{kind: elastic_ip, ports: [0]}", "assemblies[0].front.ports[0]", "greater than or equal to 1"),
        ("front", "{kind: elastic_ip, ports: [65536]}", "assemblies[0].front.ports[0]", "less than or equal to 65535"),
        ("front", "{kind: elastic_ip, ports: ['80']}", "assemblies[0].front.ports[0]", "integer"),
        ("front", "{kind: elastic_ip, ports: [80, 80]}", "assemblies[0].front.ports[1]", "is a port of the front already"),
        ("front", "{kind: elastic_ip, ports: [7810]}", "assemblies[0].front.ports[0]", "is the node's HA port already"),
        ("front", "{kind: elastic_ip}", "assemblies[0].front", "opens no port"),
        ("front", "{kind: none, ports: [80]}", "assemblies[0].front", "no address"),
        ("assembly", "ha: {port: 7880}", "assemblies[0].ha.http", "is the node's HA port already"),
        ("assembly", "start_grace: 2", "assemblies[0].start_grace", "not a duration"),
        ("assembly", "start_grace: 2 m", "assemblies[0].start_grace", "not a duration"),
        ("assembly", "start_grace: 2d", "assemblies[0].start_grace", "between 10s and 1h"),
        ("assembly", "tolerance: {failures: -1, window: 1h}", "assemblies[0].tolerance.failures", "not a number of failures"),
        ("assembly", "tolerance: {failures: , window: 1h}", "assemblies[0].tolerance.failures", "not a number of failures"),
        ("assembly", "tolerance: {failures: true, window: 1h}", "assemblies[0].tolerance.failures", "not a number of failures"),
        ("assembly", "tolerance: {failures: 100, window: 1h}", "assemblies[0].tolerance", "failures: 100 would never be passed"),
        ("assembly", "tolerance: {failures: 1}", "assemblies[0].tolerance.window", "missing"),
        ("run", "{exec: ledger --port 8080}", "assemblies[0].applications[0].run.exec", "list"),
        ("run", "{exec: [/bin/ledger, 8080]}", "assemblies[0].applications[0].run.exec[1]", "string"),
        ("run", '{exec: [/bin/ledger, "a\\0b"]}', "assemblies[0].applications[0].run.exec[1]", "control characters"),
        ("run", "{exec: []}", "assemblies[0].applications[0].run.exec", "at least 1 item"),
        (
            "application",
            "environment: {UNDERSTUDY_EPOCH: '1'}",
            "assemblies[0].applications[0].environment.UNDERSTUDY_EPOCH",
            "not a variable that can be set",
        ),
        ("application", "environment: {DEBUG: yes}", "assemblies[0].applications[0].environment.DEBUG", "string"),
        ("application", "ha_port: 7810", "assemblies[0].applications[0].ha_port", "is the node's HA port already"),
        ("application", "directory: var/lib", "assemblies[0].applications[0].directory", "absolute path"),
        ("application", "after: [nobody]", "assemblies[0].applications[0].after[0]", "no application of this assembly"),
        ("application", "after: [ledger]", "assemblies[0].applications[0].after", "circle: ledger after ledger"),
        ("probe", "{http: 'http://10.0.0.1/'}", "assemblies[0].applications[0].probes[0].http", "does not ask this node"),
        ("probe", "{http: 'http://127.0.0.1:99999/'}", "assemblies[0].applications[0].probes[0].http", "not an address"),
        ("probe", "{http: 'file:///etc/passwd'}", "assemblies[0].applications[0].probes[0].http", "plain http"),
        ("probe", "{http: 'http://localhost@example.com/'}", "assemblies[0].applications[0].probes[0].http", "plain http"),
        ("probe", "{tcp: '0.0.0.0:80'}", "assemblies[0].applications[0].probes[0].tcp", "does not ask this node"),
        ("probe", "{tcp: '127.0.0.1'}", "assemblies[0].applications[0].probes[0].tcp", "does not ask this node"),
        ("probe", "{tcp: '127.0.0.1:0'}", "assemblies[0].applications[0].probes[0].tcp", "no port"),
        ("probe", "{every: 1s}", "assemblies[0].applications[0].probes[0]", "asks nothing"),
        ("probe", "{tcp: '127.0.0.1:1', every: 1s, timeout: 2s}", "assemblies[0].applications[0].probes[0]", "at most every"),
        ("probe", "{tcp: '127.0.0.1:1', rise: 0}", "assemblies[0].applications[0].probes[0].rise", "greater than or equal to 1"),
        ("second", "{name: ledger, run: {exec: [/bin/other]}}", "assemblies[0].applications[1].name", "is used by two"),
        ("second", "just text", "assemblies[0].applications[1]", "is not a section with keys of its own"),
    ],
)
def test_a_wrong_value_is_one_problem_at_its_key(place: str, text: str, key: str, words: str, problems: Problems) -> None:
    [problem] = problems(**{place: text})

    assert problem.key == key
    assert words in f"{problem.message}; {problem.remedy}"
    assert problem.line is not None


def test_never_is_a_number_of_failures(problems: Problems) -> None:
    assert problems(assembly="tolerance: {failures: never, window: 1h}") == ()


def test_a_circle_of_applications_is_told_in_order(problems: Problems) -> None:
    [problem] = problems(application="after: [other]", second="{name: other, run: {exec: [/bin/other]}, after: [ledger]}")

    assert problem.message in ("makes a circle: ledger after other after ledger", "makes a circle: other after ledger after other")


@pytest.mark.parametrize(
    "to", ["opt/x", "/", "/opt", "/etc/x", "/usr/local/x", "/opt/understudy/x", "/opt/x/", "/opt/../etc", "/opt//x", "/opt/a b"]
)
def test_an_artifact_is_laid_out_in_a_folder_of_the_applications_own(to: str, problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "ledger").touch()

    [problem] = problems(application=f'install: {{artifact: dist, to: "{to}"}}')

    assert problem.key == "assemblies[0].applications[0].install.to"


def test_an_artifact_may_be_a_folder_or_a_file_beside_the_deployable_file(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "ledger").touch()

    assert problems(application="install: {artifact: ./dist, to: /opt/ledger}") == ()
    assert problems(application="install: {artifact: dist/ledger, to: /opt/ledger}") == ()


def test_an_artifact_that_cannot_be_published_is_refused(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "away").symlink_to("/etc/hostname")
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate(BYTES_MAX + 1)

    for artifact, words in {
        "missing": "is not there",
        "empty": "is an empty folder",
        "linked": "a link that leads out",
        "huge": "bytes",
        str(tmp_path): "absolute path",
    }.items():
        [problem] = problems(application=f"install: {{artifact: {artifact}, to: /opt/ledger}}")
        assert words in problem.message


def test_two_artifacts_do_not_share_a_folder(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    [problem] = problems(
        application="install: {artifact: file, to: /opt/ledger}",
        second="{name: other, run: {exec: [/bin/other]}, install: {artifact: file, to: /opt/ledger/other}}",
    )

    assert problem.key == "assemblies[0].applications[1].install.to"
    assert "/opt/ledger of another application" in problem.message


def test_an_assembly_tolerates_no_more_replacements_than_are_remembered(problems: Problems) -> None:
    [problem] = problems(assembly="tolerance: {failures: 100, window: 1h}")

    assert problem.remedy == "write 0 to 99, or never"
    assert not problems(assembly="tolerance: {failures: 99, window: 1h}")
    assert not problems(assembly="tolerance: {failures: never, window: 1h}")
