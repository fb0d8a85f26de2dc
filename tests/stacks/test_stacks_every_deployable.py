"""Every file of deployables/: it synthesizes, CloudFormation would take it, and a security scanner finds nothing that has no reason."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.synth import MANY, write_deployable
from lab.policy.conditions import KNOWN_KEYS
from tests.stacks.acknowledged import ACKNOWLEDGED, PAGE, Acknowledged, written
from tests.stacks.conftest import ROOT, Synth, Template, as_list
from tests.stacks.test_stacks_permissions import NOT_TO_BE_NARROWED, NOT_TO_BE_NARROWED_ELSEWHERE

CONTROL = "bad-on-purpose"
EXAMPLE, CONSTRUCTS = "own-stack", ("Counter/", "Foundation/")
GRANTED = ("Action::s3:Abort*", "Resource::<...>/*")  # by s3.Bucket.grant_put
ON_SNAPSHOTS = {"ec2:CreateSnapshot", "ec2:CreateTags"}  # one bears no tag before it is made
PLAIN_REASON = 80  # characters: a shorter one says that it is acknowledged, and not why


@dataclass(frozen=True, slots=True)
class Found:
    """A finding of cdk-nag that nothing in the template itself acknowledges."""

    stack: str
    path: str
    rule: str
    finding: str


@pytest.fixture(scope="session")
def templates(every: Path) -> Mapping[str, Template]:
    files = sorted(every.glob("understudy-*.template.json"))
    return {path.name.removesuffix(".template.json"): Template(json.loads(path.read_text())) for path in files}


@pytest.fixture(scope="session")
def found(every: Path) -> list[Found]:
    report = json.loads((every / "validation-report.json").read_text())
    (ours,) = (plugin for plugin in report["pluginReports"] if plugin["pluginName"] == "AwsSolutions")
    all_found = []
    for violation in ours["violations"]:
        rule, _, named = violation["ruleName"].removeprefix("AwsSolutions-").partition("[")
        finding = re.sub(r"<[^>]+>", "<...>", named.removesuffix("]"))
        for construct in violation["violatingConstructs"]:
            stack, _, path = construct["constructPath"].partition("/")
            if stack == EXAMPLE and (not path.startswith(CONSTRUCTS) or finding in GRANTED):
                continue  # the network and the bucket that stand for somebody's own, and what the bucket granted
            all_found.append(Found(stack, path, rule, finding))
    return all_found


def test_there_is_a_template_of_every_file(templates: Mapping[str, Template]) -> None:
    files = [path.stem for path in (ROOT / "deployables").iterdir() if path.suffix in (".yaml", ".xml") and ".lock" not in path.name]

    shared = [f"{path.stem}-foundation" for path in (ROOT / "deployables/foundations").glob("*.yaml")]
    assert sorted(templates) == sorted(f"understudy-{name}" for name in (*files, *shared))


@pytest.mark.heavy  # seconds for each; the demo's is linted among the plain tests
def test_cfn_lint_finds_no_error(every: Path, templates: Mapping[str, Template]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from cfnlint import runner; runner.main()", *(str(every / f"{name}.template.json") for name in templates)],
        cwd=ROOT,  # where .cfnlintrc is
        capture_output=True,
        text=True,
        timeout=240,
    )

    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_the_scanner_was_looking(found: list[Found]) -> None:
    seen = {(one.rule, one.finding) for one in found if one.stack == CONTROL}

    assert {("S10", ""), ("IAM5", "Action::s3:*"), ("IAM5", "Resource::*")} <= seen


def test_nothing_is_found_that_has_no_reason(found: list[Found]) -> None:
    ours = [one for one in found if one.stack != CONTROL]

    assert ours
    assert [one for one in ours if not any(row.covers(one.rule, one.path, one.finding) for row in ACKNOWLEDGED)] == []


@pytest.mark.parametrize("row", ACKNOWLEDGED, ids=lambda row: f"{row.rule}: {row.shown}")
def test_no_reason_outlives_what_it_was_given_for(found: list[Found], row: Acknowledged) -> None:
    assert any(row.covers(one.rule, one.path, one.finding) for one in found if one.stack != CONTROL)


def test_every_reason_says_why_and_is_on_the_page_for_reviewers() -> None:
    assert [row.shown for row in ACKNOWLEDGED if len(row.reason) < PLAIN_REASON or not row.reason.endswith(".")] == []
    assert PAGE.read_text() == written(PAGE.read_text()), "run: .venv/bin/python -m tests.stacks.acknowledged"


def test_any_resource_stands_only_where_aws_has_no_finer_one(templates: Mapping[str, Template]) -> None:
    for name, template in templates.items():
        wide = {a for s in template.statements() if s["Effect"] == "Allow" and s["Resource"] == "*" for a in as_list(s["Action"])}
        assert wide <= NOT_TO_BE_NARROWED | NOT_TO_BE_NARROWED_ELSEWHERE, name


def test_what_changes_instances_and_groups_changes_only_what_bears_the_deployables_tag(templates: Mapping[str, Template]) -> None:
    for name, template in templates.items():
        whose = name.removeprefix("understudy-")
        of = ("foundation", whose.removesuffix("-foundation")) if whose.endswith("-foundation") else ("deployable", whose)
        tag = {f"aws:ResourceTag/understudy:{of[0]}": of[1]}
        for statement in template.statements():
            actions = {a for a in as_list(statement["Action"]) if a.startswith(("autoscaling:", "ec2:"))}
            actions -= NOT_TO_BE_NARROWED | NOT_TO_BE_NARROWED_ELSEWHERE
            if json.dumps(statement["Resource"]).endswith('::snapshot/*"]]}'):
                actions -= ON_SNAPSHOTS
            assert not actions or statement["Condition"]["StringEquals"].items() >= tag.items(), (name, actions)


def test_the_lab_can_judge_every_condition_of_a_role(templates: Mapping[str, Template]) -> None:
    """What it cannot judge it refuses, and a function that makes do without looks as if it worked."""
    used = {
        key.lower().split("/")[0]
        for template in templates.values()
        for statement in template.statements()
        for tests in statement.get("Condition", {}).values()
        for key in tests
    }

    # Lambda makes the prober's interfaces by its role; the lab lays its wires itself, so that nobody asks by that statement.
    assert used - {"lambda:sourcefunctionarn"} <= KNOWN_KEYS
    assert "events:source" in used


def test_what_a_replacement_loses_is_said_at_synth_of_every_assembly(every: Path, templates: Mapping[str, Template]) -> None:
    """Whatever it is kept on: the CDK's command line prints it."""
    said = {name: (every / f"{name}.metadata.json").read_text() for name in templates if not name.endswith("-foundation")}

    for name, words in {
        "demo": "counter: nothing is kept; a replacement starts with an empty disk",
        "ledger": "a lost machine loses what it wrote after the last save began, 5 s",
        "zonal": "loses what its programs had not yet made the disk keep (fsync)",
    }.items():
        assert words in said[f"understudy-{name}"]
    assert [name for name, text in said.items() if "a replacement" not in text and "a lost machine loses" not in text] == []


def test_every_disk_of_every_node_is_encrypted(templates: Mapping[str, Template]) -> None:
    for name, template in templates.items():
        launched = template.of("AWS::EC2::LaunchTemplate")
        assert launched or name.endswith("-foundation"), name
        disks = [disk["Ebs"]["Encrypted"] for node in launched for disk in node["LaunchTemplateData"]["BlockDeviceMappings"]]
        assert len(disks) >= len(launched), name
        assert all(disks), name


@pytest.mark.heavy  # some seconds
def test_twenty_assemblies_fit_in_one_stack(synth: Synth, tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html; a file may have no more of them."""
    done = synth(tmp_path / "out", write_deployable(tmp_path, MANY))
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "out").glob("understudy-*.template.json")
    template = json.loads(path.read_text())

    assert [kind["Type"] for kind in template["Resources"].values()].count("AWS::AutoScaling::AutoScalingGroup") == MANY == 20
    assert len(template["Resources"]) <= 500
    assert path.stat().st_size <= 1_000_000
    assert len(template["Outputs"]) <= 200
    assert len(template.get("Parameters", {})) <= 200
