"""The real CDK CLI against the emulator; and what is said when it cannot be run."""

from __future__ import annotations

import json
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lab import conformance, deploy
from tests.lab.emulator_process import ROOT, Emulator, emulator, nodes_told_of

# Theirs are the engines lab.ec2 and lab.groups, which this emulator runs without.
OF_ENGINES = {"AWS::EC2::EIP", "AWS::EC2::LaunchTemplate", "AWS::AutoScaling::AutoScalingGroup"}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synth") / "cdk.out"
    deploy.synthesize(ROOT / "deployables" / "demo.yaml", folder)
    return folder


@pytest.fixture(scope="module")
def deployed(out: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator(tmp_path_factory.mktemp("lab")) as running:
        with nodes_told_of(running, "understudy-demo"):
            deploy.deploy(out, endpoint=running.endpoint)
        yield running


def template_file(out: Path) -> Path:
    (path,) = out.glob("*.template.json")
    return path


def test_the_real_template_is_deployed_and_all_of_it_reads_back(out: Path, deployed: Emulator) -> None:
    template = json.loads(template_file(out).read_text())
    problems = conformance.check("understudy-demo", template, endpoint=deployed.endpoint)

    assert [str(problem) for problem in problems if problem.type_name not in OF_ENGINES] == []


def test_the_template_deployed_is_byte_for_byte_the_one_synthesized(out: Path, deployed: Emulator) -> None:
    """What GetTemplate answers, before boto3 parses it as JSON."""
    cloudformation = deployed.api("cloudformation")
    answers: list[bytes] = []

    def keep(response_dict: dict[str, Any], **_: Any) -> None:
        answers.append(response_dict["body"])

    event = "before-parse.cloudformation.GetTemplate"
    cloudformation.meta.events.register(event, keep)
    try:
        cloudformation.get_template(StackName="understudy-demo", TemplateStage="Original")
    finally:
        cloudformation.meta.events.unregister(event, keep)
    answer = ElementTree.fromstring(answers[0])  # noqa: S314 - our own emulator's answer
    body = next(element.text for element in answer.iter() if element.tag.endswith("TemplateBody"))

    assert (body or "").encode() == template_file(out).read_bytes()


def test_the_stack_has_the_outputs_of_its_template(out: Path, deployed: Emulator) -> None:
    wanted = set(json.loads(template_file(out).read_text())["Outputs"])
    outputs = deployed.api("cloudformation").describe_stacks(StackName="understudy-demo")["Stacks"][0]["Outputs"]

    assert {output["OutputKey"] for output in outputs if output["OutputValue"]} == wanted


def test_the_group_is_made_last(deployed: Emulator) -> None:
    """Its first instance must find all that handles its hooks."""
    events = deployed.api("cloudformation").describe_stack_events(StackName="understudy-demo")["StackEvents"]
    complete = [event["ResourceType"] for event in reversed(events) if event["ResourceStatus"] == "CREATE_COMPLETE"]

    assert complete[-2:] == ["AWS::AutoScaling::AutoScalingGroup", "AWS::CloudFormation::Stack"]


def test_deploying_it_again_changes_nothing(out: Path, deployed: Emulator) -> None:
    said: list[str] = []
    deploy.deploy(out, endpoint=deployed.endpoint, say=said.append)

    assert said == ["cdk bootstrap", "cdk deploy"]


def test_a_resource_that_cannot_be_made_fails_the_deploy_by_name(out: Path, deployed: Emulator, tmp_path: Path) -> None:
    other = tmp_path / "cdk.out"
    other.mkdir()
    template = {"Resources": {"Odd": {"Type": "AWS::Nope::Nothing"}}}
    (other / "odd.template.json").write_text(json.dumps(template))
    stack = {"type": "aws:cloudformation:stack", "environment": "aws://unknown-account/unknown-region"}
    manifest = {"version": "48.0.0", "artifacts": {"odd": {**stack, "properties": {"templateFile": "odd.template.json"}}}}
    (other / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(deploy.DeployFailed, match=r"(?s)cdk deploy failed with status 1.*AWS::Nope::Nothing \(Odd\)"):
        deploy.deploy(other, endpoint=deployed.endpoint)


def test_a_missing_cli_is_said_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "CDK", tmp_path / "cdk")

    with pytest.raises(deploy.DeployFailed, match=r"the CDK CLI is missing: .* run make setup"):
        deploy.run_cdk(["synth"], cwd=tmp_path, env={}, limit_s=1)


def test_a_missing_node_is_said_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"purelib": str(tmp_path)})

    with pytest.raises(deploy.DeployFailed, match=r"Node is missing: .* run make setup"):
        deploy.environment()


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_failing_cli_is_told_by_its_last_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo "line $i"; done; printf "\\033[31mred\\033[0m\\n"; exit 3'
    monkeypatch.setattr(deploy, "CDK", program(tmp_path / "cdk", script))

    with pytest.raises(deploy.DeployFailed) as caught:
        deploy.run_cdk(["deploy"], cwd=tmp_path, env={}, limit_s=20)
    lines = str(caught.value).splitlines()

    assert (lines[0], lines[-2:], len(lines)) == ("cdk deploy failed with status 3; its last lines:", ["line 40", "red"], 16)


def test_a_cli_that_hangs_is_killed_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "CDK", program(tmp_path / "cdk", "echo started; sleep 600 & sleep 600"))
    began = time.monotonic()

    with pytest.raises(deploy.DeployFailed, match=r"(?s)cdk deploy did not end within 0 s.*started"):
        deploy.run_cdk(["deploy"], cwd=tmp_path, env={}, limit_s=0.5)

    assert time.monotonic() - began < 10


def test_nothing_of_the_users_own_account_reaches_the_cli(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    env = deploy.environment("http://localhost:1")

    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTPS_PROXY"} & set(env)
    assert (env["AWS_ENDPOINT_URL"], env["AWS_CONFIG_FILE"]) == ("http://localhost:1", "/dev/null")


def test_progress_is_a_few_lines_and_every_failure() -> None:
    said: list[str] = []
    progress = deploy.Progress(said.append)
    for done in range(81):
        progress(f"demo | {done}/80 | 9:00:00 AM | CREATE_COMPLETE | AWS::SNS::Topic | Topic")
    progress("demo | 80/80 | 9:00:00 AM | CREATE_FAILED | AWS::SNS::Topic | Topic no")

    assert said[:4] == ["20 of 80 resources", "40 of 80 resources", "60 of 80 resources", "80 of 80 resources"]
    assert len(said) == 5
