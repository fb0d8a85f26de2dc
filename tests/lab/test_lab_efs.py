"""EFS in the lab: who is let in through which access point, by the role's policy; and what an access point's folder is like.

https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.efs.models import EFSBackend

from lab.clock import Clock
from lab.delays import Delays
from lab.efs.patches import patch
from lab.efs.targets import Denied, Targets, judge
from lab.journal import Journal
from lab.machines import mount_efs
from lab.world import ACCOUNT, REGION, World
from tests.lab.lab_worlds import role

DENY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "elasticfilesystem:ClientMount",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


class Files:
    """A file system with two access points, and roles that may come in by the first."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self._monkeypatch = world, monkeypatch
        self.efs = boto3.client("efs", region_name=REGION)
        self.id = self.efs.create_file_system(CreationToken="one")["FileSystemId"]
        self.efs.put_file_system_policy(FileSystemId=self.id, Policy=json.dumps({"Version": "2012-10-17", "Statement": [DENY]}))
        self.mine, self.other = self.point("mine"), self.point("other")
        self.allow("writer", "ClientMount", "ClientWrite", "ClientRootAccess")
        self.allow("reader", "ClientMount")
        role("stranger")

    def point(self, token: str) -> str:
        root = {"Path": "/state", "CreationInfo": {"OwnerUid": 0, "OwnerGid": 0, "Permissions": "0750"}}
        return str(self.efs.create_access_point(ClientToken=token, FileSystemId=self.id, RootDirectory=root)["AccessPointId"])

    def allow(self, name: str, *actions: str) -> None:
        role(name)
        arn = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/{self.mine}"
        statement = {
            "Effect": "Allow",
            "Action": [f"elasticfilesystem:{action}" for action in actions],
            "Resource": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{self.id}",
            "Condition": {"StringEquals": {"elasticfilesystem:AccessPointArn": arn}},
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        boto3.client("iam").put_role_policy(RoleName=name, PolicyName="files", PolicyDocument=document)

    def token(self, who: str, file_system: str = "") -> str:
        """As the helper on a machine makes it, told of the role by a metadata service."""
        keys = self.world.principals.issue(f"arn:aws:iam::{ACCOUNT}:role/{who}", "i-1", now=self.world.clock.now())
        told = {"/api/token": "t", "/meta-data/placement/region": REGION, "/meta-data/iam/security-credentials/": who}
        told[f"/meta-data/iam/security-credentials/{who}"] = json.dumps(
            {"AccessKeyId": keys.access_key, "SecretAccessKey": keys.secret_key, "Token": keys.token}
        )
        self._monkeypatch.setattr(mount_efs, "told", lambda path, headers, method="GET": told[path])
        return mount_efs.token_for(file_system or self.id)[0]


@pytest.fixture
def files(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    for name, value in (("ACCESS_KEY_ID", "testing"), ("SECRET_ACCESS_KEY", "testing"), ("DEFAULT_REGION", REGION)):
        monkeypatch.setenv(f"AWS_{name}", value)
    for name in ("create_mount_target", "delete_mount_target", "create_access_point"):
        monkeypatch.setattr(EFSBackend, name, getattr(EFSBackend, name))  # put back afterwards
    world = World(lab_dir=tmp_path, clock=Clock(), journal=Journal(tmp_path / "journal"), delays=Delays())
    with mock_aws():
        patch(Targets(world))
        yield Files(world, monkeypatch)


def test_a_role_is_let_in_through_its_access_point_and_may_do_what_its_policy_says(files: Files) -> None:
    assert judge(files.world, files.id, files.mine, files.token("writer")) == ("ClientMount", "ClientWrite", "ClientRootAccess")
    assert judge(files.world, files.id, files.mine, files.token("reader")) == ("ClientMount",)

    folder = files.world.lab_dir / "efs" / files.mine
    assert folder.stat().st_mode & 0o777 == 0o750


def test_nobody_is_let_in_by_another_access_point_or_without_a_permission(files: Files) -> None:
    with pytest.raises(Denied, match="may not mount"):
        judge(files.world, files.id, files.other, files.token("writer"))
    with pytest.raises(Denied, match="may not mount"):
        judge(files.world, files.id, files.mine, files.token("stranger"))
    with pytest.raises(Denied, match="no access point"):
        judge(files.world, files.id, "fsap-none", files.token("writer"))
    with pytest.raises(Denied, match="signed for"):
        judge(files.world, files.id, files.mine, files.token("writer", "fs-other"))
    with pytest.raises(Denied, match="not that of its keys"):
        judge(files.world, files.id, files.mine, files.token("writer")[:-1] + "x")


def test_a_file_system_without_a_policy_lets_everybody_in_who_reaches_it(files: Files) -> None:
    """The default policy: https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html#default-filesystempolicy"""
    bare = files.efs.create_file_system(CreationToken="two")["FileSystemId"]
    point = files.efs.create_access_point(ClientToken="three", FileSystemId=bare)["AccessPointId"]

    assert "ClientWrite" in judge(files.world, bare, point, files.token("stranger", bare))
