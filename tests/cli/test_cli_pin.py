"""`understudy pin`: asks the regions, writes the lock, says what moves; when it cannot ask it writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError

import spec
from cli import pin
from cli.programs import Trouble
from spec.lock import lock_of

PARAMETER = "/aws/service/debian/release/12/latest/arm64"
FILE = """\
deployable: ledger
assemblies:
  - name: scheduler
    image: {image}
    instances: [t4g.small]
    state: {{keep: none}}
    {more}
    applications:
      - {{name: ledger, run: {{exec: [/bin/ledger]}}}}
"""


class Regions:
    """Parameter Store as each region has it: what is asked for and there, and the names that are not."""

    def __init__(self, held: dict[str, dict[str, str]]) -> None:
        self.held = held

    def client(self, service: str, *, region_name: str, config: object) -> Regions:
        assert service == "ssm"
        return Regions({"here": self.held[region_name]})

    def get_parameters(self, Names: list[str]) -> dict[str, Any]:
        here = self.held["here"]
        found = [{"Name": name, "Value": here[name]} for name in Names if name in here]
        return {"Parameters": found, "InvalidParameters": [name for name in Names if name not in here]}


@pytest.fixture
def regions(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    held = {region: {PARAMETER: f"ami-0{number:016x}"} for number, region in enumerate(("eu-central-1", "us-east-1"), start=1)}
    monkeypatch.setattr(boto3, "client", Regions(held).client)
    return held


@pytest.fixture
def ledger(tmp_path: Path) -> Callable[..., Path]:
    def write(image: str = "debian-12", more: str = "") -> Path:
        (tmp_path / "ledger.yaml").write_text(FILE.format(image=image, more=more))
        return tmp_path / "ledger.yaml"

    return write


def test_what_each_region_holds_is_kept_and_moves_only_when_it_is_asked_again(
    regions: dict[str, dict[str, str]], ledger: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = ledger()
    assert pin.pin(file, ["us-east-1", "eu-central-1"]) == 0
    first = spec.load(file).pins
    regions["us-east-1"][PARAMETER] = "ami-0fedcba9876543210"
    assert spec.load(file).pins == first
    capsys.readouterr()

    assert pin.pin(file, []) == 0  # the regions that it has

    assert {held.region: held.image_id for held in spec.load(file).pins} == {
        "eu-central-1": "ami-00000000000000001",
        "us-east-1": "ami-0fedcba9876543210",
    }
    said = capsys.readouterr().out
    assert "ami-0fedcba9876543210 (was ami-00000000000000002: the next deploy there replaces nodes)" in said
    assert "ami-00000000000000001 (as it was)" in said


def test_a_lock_that_lacks_what_the_file_came_to_need_is_written_anew(
    regions: dict[str, dict[str, str]], ledger: Callable[..., Path]
) -> None:
    file = ledger()
    lock_of(file).write_text("images:\n  us-east-1: {/another: ami-0fedcba9876543210}\n")
    with pytest.raises(spec.SpecError, match="does not pin"):
        spec.load(file)

    assert pin.pin(file, []) == 0

    assert [(held.region, held.parameter) for held in spec.load(file).pins] == [("us-east-1", PARAMETER)]


def test_a_region_without_the_parameter_and_a_value_that_is_no_image_are_said_and_nothing_is_written(
    regions: dict[str, dict[str, str]], ledger: Callable[..., Path]
) -> None:
    file = ledger("ssm:/golden", "root_device: /dev/xvda")

    with pytest.raises(Trouble, match="us-east-1 has no parameter /golden"):
        pin.pin(file, ["us-east-1"])
    regions["us-east-1"]["/golden"] = "newest"
    with pytest.raises(Trouble, match="holds 'newest', which is no image's id"):
        pin.pin(file, ["us-east-1"])
    assert not lock_of(file).exists()


def test_without_credentials_it_says_so(ledger: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def client(*_: object, **__: object) -> None:
        raise NoCredentialsError

    monkeypatch.setattr(boto3, "client", client)
    with pytest.raises(Trouble, match=r"us-east-1 could not be asked: .*credentials"):
        pin.pin(ledger(), ["us-east-1"])


def test_an_image_by_its_id_needs_no_pin(ledger: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert pin.pin(ledger("ami-0123456789abcdef0", "root_device: /dev/xvda"), []) == 0
    assert "nothing to pin" in capsys.readouterr().out
