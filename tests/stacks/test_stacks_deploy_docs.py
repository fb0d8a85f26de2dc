"""docs/deploy.md and what it links to: the policies, the picture and the tables are those of the templates."""

from __future__ import annotations

import json
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from tests.stacks.conftest import ROOT, as_list
from tools import deploy_page, deploy_policy

BOOTSTRAP = ROOT / "node_modules/aws-cdk/lib/api/bootstrap/bootstrap-template.yaml"
Templates = Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def templates(every: Path) -> Templates:
    return deploy_page.templates_in(every)


@pytest.fixture(scope="module")
def policies() -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(deploy_policy.FOLDER.glob("cloudformation-*.json"))]


def test_all_that_is_made_from_the_templates_is_made_from_these(templates: Templates) -> None:
    made = deploy_page.files(templates)

    assert [str(path) for path, text in made.items() if not path.exists() or path.read_text() != text] == [], "run: make deploy-docs"
    assert {*deploy_policy.FOLDER.glob("cloudformation-*.json")} <= set(made)


def test_cloudformation_may_do_all_that_each_resource_type_takes(templates: Templates, policies: list[dict[str, Any]]) -> None:
    may = [action for policy in policies for statement in policy["Statement"] for action in as_list(statement["Action"])]

    for kind in deploy_policy.types_of(templates.values()):
        asked = deploy_policy.asked_by(kind)
        assert asked
        assert [action for action in asked if not any(fnmatchcase(action, pattern) for pattern in may)] == [], kind


def test_it_may_do_nothing_that_no_resource_type_takes(templates: Templates, policies: list[dict[str, Any]]) -> None:
    asked = {action for kind in deploy_policy.types_of(templates.values()) for action in deploy_policy.asked_by(kind)}
    asked |= {"s3:GetObject", "s3:GetObjectVersion", "ssm:GetParameter", "ssm:GetParameters"}

    assert {action for policy in policies for s in policy["Statement"] for action in as_list(s["Action"])} <= asked


def test_wildcards_are_reads_and_changes_without_a_name_are_of_what_aws_numbers(policies: list[dict[str, Any]]) -> None:
    for statement in (statement for policy in policies for statement in policy["Statement"]):
        actions = [action.split(":")[1] for action in as_list(statement["Action"])]
        assert all(action.startswith(deploy_policy.READS) for action in actions if "*" in action)
        if statement["Resource"] == ["*"]:
            assert statement["Sid"] == "Look" or statement["Sid"].endswith("NumbersItself")


def test_roles_are_made_under_our_name_alone_and_handed_to_aws_alone(policies: list[dict[str, Any]]) -> None:
    about_roles = [s for policy in policies for s in policy["Statement"] if any(a.startswith("iam:") for a in as_list(s["Action"]))]

    assert about_roles
    for statement in about_roles:
        assert all("/understudy-" in on or "/aws-service-role/" in on for on in statement["Resource"])
        if "iam:PassRole" in statement["Action"]:
            assert all(service.endswith(".amazonaws.com") for service in statement["Condition"]["StringEquals"]["iam:PassedToService"])


def test_each_policy_fits(policies: list[dict[str, Any]]) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: 6,144 characters, ten policies on a role."""
    assert all(deploy_policy.characters(policy) <= 6144 for policy in policies)
    assert 0 < len(policies) <= 10


def test_who_deploys_takes_on_roles_that_the_bootstrap_makes() -> None:
    policy = json.loads((deploy_policy.FOLDER / "deployer.json").read_text())
    made = re.findall(r"Fn::Sub: cdk-\$\{Qualifier\}-([a-z-]+)-\$\{AWS::AccountId\}", BOOTSTRAP.read_text())
    (assumed,) = (statement for statement in policy["Statement"] if statement["Action"] == "sts:AssumeRole")

    wanted = [re.fullmatch(r"arn:\*:iam::\*:role/cdk-hnb659fds-([a-z-]+)-\*", on) for on in assumed["Resource"]]
    assert {match[1] for match in wanted if match} <= set(made)
    assert len(wanted) == 3


def test_the_picture_shows_every_function_what_wakes_it_and_where_clients_go(templates: Templates) -> None:
    svg = deploy_page.PICTURE.read_text()
    shown = " ".join(element.text or "" for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))  # noqa: S314  # our own
    resources = templates[deploy_page.DRAWN]["Resources"].values()

    for resource in resources:
        given = resource.get("Properties", {})
        if resource["Type"] == "AWS::Lambda::Function":
            assert given["Handler"].split(".")[1] in shown
        if resource["Type"] == "AWS::Events::Rule":
            assert given["Description"] in shown
    assert "Elastic IP" in shown
    assert "exactly one node" in shown


def test_who_deploys_may_do_what_our_own_commands_ask_in_its_name() -> None:
    may = [a for s in json.loads((deploy_policy.FOLDER / "deployer.json").read_text())["Statement"] for a in as_list(s["Action"])]
    asked = {"diff": ("get_template", "cloudformation:GetTemplate"), "pin": ("get_parameters", "ssm:GetParameters")}

    for command, (call, action) in asked.items():
        assert f".{call}(" in (ROOT / f"cli/{command}.py").read_text()
        assert action in may


def test_with_the_pages_path_the_pages_commands_are_found_and_run() -> None:
    page = deploy_page.PAGE.read_text()
    (path,) = re.findall(r"^ *(export PATH=.*)$", page, re.MULTILINE)
    (cdk,) = set(re.findall(r"(?:^ *|`)((?:npx )?cdk) [a-z]", page, re.MULTILINE))

    command = f"{path}; command -v understudy && {cdk} --version"
    done = subprocess.run(["/bin/sh", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{ROOT}/.venv/bin/understudy\n")


def test_the_commands_of_the_page_are_ours_or_well_known() -> None:
    page = deploy_page.PAGE.read_text()
    verbs = set(re.findall(r"understudy ([a-z]+) (?:[A-Z]+|\S*\.yaml|kill)", page))

    assert verbs >= {"validate", "estimate"}
    told = (ROOT / "cli/grammar.py").read_text()
    assert all(f'"{verb}"' in told for verb in verbs)
