"""What the locks must be: every file pinned by hash, and no place named to fetch it from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ["requirements.txt", "requirements-functions.txt", "agent/requirements.txt"]


@pytest.mark.parametrize("lock", [*LOCKS, "package-lock.json", ".npmrc", "package.json", "pyproject.toml"])
def test_no_lock_or_setting_names_a_registry(lock: str) -> None:
    text = (ROOT / lock).read_text()

    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host|\"resolved\"|registry *=|(?m:^-[if] )", text)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_exact_and_has_hashes(lock: str) -> None:
    requirements = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())

    assert requirements
    for requirement in requirements:
        assert re.match(r"[a-z0-9.-]+(\[[a-z0-9,]+\])?==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement


def test_the_locks_agree_with_one_another() -> None:
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"(?m)^([a-z0-9.-]+==\S+)", (ROOT / lock).read_text()))

    assert pins("agent/requirements.txt") <= pins("requirements.txt")
    assert pins("requirements-functions.txt") <= pins("requirements.txt")


def test_what_the_agent_ships_is_boto3_and_what_it_needs_http_and_metrics() -> None:
    names = re.findall(r"(?m)^([a-z0-9.-]+)==", (ROOT / "agent/requirements.txt").read_text())

    assert names == ["boto3", "botocore", "h11", "jmespath", "prometheus-client", "python-dateutil", "s3transfer", "six", "urllib3"]


def test_npm_packages_are_locked_by_hash() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    locked = {path: about for path, about in packages.items() if path}

    assert locked["node_modules/aws-cdk"]["version"] == "2.1148.1"
    assert all(about["integrity"].startswith("sha512-") for about in locked.values())
