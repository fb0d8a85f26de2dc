"""State on EFS in the template: encrypted, backed up, in every zone, for its own nodes by TLS and one access point alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stacks.conftest import ROOT, Synth, Template, as_list

FILE = """\
deployable: shared
assemblies:
  - name: files
    image: amazon-linux-2023
    instances: [t4g.small]
    state: {keep: efs, path: /var/lib/files}
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
"""
pytestmark = pytest.mark.heavy  # a synth, and a linter


@pytest.fixture(scope="module")
def path(synth: Synth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "shared.yaml").write_text(FILE)
    done = synth(folder / "out", folder / "shared.yaml")
    assert done.returncode == 0, done.stderr
    return folder / "out" / "understudy-shared.template.json"


@pytest.fixture(scope="module")
def template(path: Path) -> Template:
    return Template(json.loads(path.read_text()))


def test_it_is_encrypted_backed_up_and_outlives_the_stack(template: Template) -> None:
    """https://docs.aws.amazon.com/efs/latest/ug/awsbackup.html"""
    [id_] = template.ids("AWS::EFS::FileSystem")
    made = template.resources[id_]

    assert made["Properties"]["Encrypted"] is True
    assert made["Properties"]["BackupPolicy"] == {"Status": "ENABLED"}
    assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_every_zone_of_the_nodes_has_a_way_to_it_that_is_open_to_them_alone(template: Template) -> None:
    [group] = template.of("AWS::AutoScaling::AutoScalingGroup")
    targets = template.of("AWS::EFS::MountTarget")

    assert [target["SubnetId"] for target in targets] == group["VPCZoneIdentifier"]
    [door] = {json.dumps(target["SecurityGroups"]) for target in targets}
    into = [rule for rule in template.of("AWS::EC2::SecurityGroupIngress") if rule["FromPort"] == 2049]
    assert [(json.dumps([rule["GroupId"]]), rule["ToPort"]) for rule in into] == [(door, 2049)]
    [id_] = template.ids("AWS::AutoScaling::AutoScalingGroup")
    assert {*template.ids("AWS::EFS::MountTarget"), *template.ids("AWS::EFS::AccessPoint")} <= template.before(id_)


def test_nobody_speaks_to_it_in_the_clear_or_without_a_permission(template: Template) -> None:
    """https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html: with a policy, only who is allowed comes in."""
    [statement] = template.only("AWS::EFS::FileSystem")["FileSystemPolicy"]["Statement"]

    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_a_node_mounts_it_through_its_access_point_alone(template: Template) -> None:
    [files], [point] = template.ids("AWS::EFS::FileSystem"), template.ids("AWS::EFS::AccessPoint")
    [mounting] = [s for s in template.statements() if "elasticfilesystem:ClientMount" in as_list(s["Action"])]

    assert mounting["Resource"] == {"Fn::GetAtt": [files, "Arn"]}
    assert mounting["Condition"] == {"StringEquals": {"elasticfilesystem:AccessPointArn": {"Fn::GetAtt": [point, "Arn"]}}}
    assert mounting in template.statements(template.node_role())
    script = template.user_data()
    assert "command -v mount.efs > /dev/null || dnf -y -q install amazon-efs-utils" in script
    assert "UNDERSTUDY_VOLUME=${" in script


def test_the_linter_finds_nothing(path: Path) -> None:
    lint = [sys.executable, "-c", "from cfnlint import runner; runner.main()", str(path)]
    linted = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, timeout=240)

    assert (linted.returncode, linted.stdout.strip()) == (0, "")
