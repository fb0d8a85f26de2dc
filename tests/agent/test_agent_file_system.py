"""A folder on EFS is mounted by the image's own helper, in TLS, as the node's role, through one access point; and waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import file_system
from agent.file_system import NotReached, open_file_system
from agent.volume import NotMounted

WHICH = "fs-0123:fsap-0456"


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    asked: list[list[str]] = []
    monkeypatch.setattr(file_system, "is_mounted", lambda path: False)
    monkeypatch.setattr("agent.file_system.shutil.which", lambda name, path: f"/sbin/{name}")
    monkeypatch.setattr(file_system, "run", lambda argv, within_s: asked.append(argv))
    return asked


def test_it_is_mounted_by_tls_with_the_nodes_role_through_the_access_point(ran: list[list[str]], tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/efs/latest/ug/mounting-access-points.html and mounting-IAM-option.html"""
    said: list[str] = []
    done = open_file_system(WHICH, str(tmp_path / "state"), user=None, say=said.append)

    assert ran == [["mount", "-t", "efs", "-o", "tls,iam,accesspoint=fsap-0456,nodev,nosuid", "fs-0123:/", str(tmp_path / "state")]]
    assert (done, said) == ("it was mounted, and is empty", ["mounting fs-0123"])
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o750


def test_what_is_kept_there_stays_whose_it_was(ran: list[list[str]], tmp_path: Path) -> None:
    (tmp_path / "entry").write_text("x")
    tmp_path.chmod(0o700)

    assert open_file_system(WHICH, str(tmp_path), user="nobody", say=lambda why: None) == "it was mounted as it was left"
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_what_is_mounted_already_is_left_alone(ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_system, "is_mounted", lambda path: True)

    assert open_file_system(WHICH, "/kept", user=None, say=lambda why: None) == "it was mounted already"
    assert ran == []


def test_while_there_is_no_way_to_it_it_is_tried_again_and_is_no_fault_of_the_machine(
    ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(argv: list[str], within_s: float) -> None:
        raise NotMounted("mount: mount.nfs4: access denied by server")

    monkeypatch.setattr(file_system, "run", refuse)
    with pytest.raises(NotReached, match="access denied"):
        open_file_system(WHICH, str(tmp_path), user=None, say=lambda why: None)


def test_an_image_without_the_helper_is_one_that_waiting_does_not_help(
    ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("agent.file_system.shutil.which", lambda name, path: None)
    with pytest.raises(NotMounted, match="amazon-efs-utils"):
        open_file_system(WHICH, str(tmp_path), user=None, say=lambda why: None)
