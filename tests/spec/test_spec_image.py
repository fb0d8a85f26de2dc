"""Images by name, id and parameter, and the lock file that keeps them from moving."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import spec
from core.images import NAMED, Pin, parameter_of
from core.model import Deployable
from spec.lock import lock_of, pins_to_text, read_pins

FILE = """\
deployable: ledger
assemblies:
  - name: scheduler
    image: {image}
    instances: [{instance}]
    state: {{keep: none}}
    {more}
    applications:
      - {{name: ledger, run: {{exec: [/bin/ledger]}}}}
"""
ARM = "/aws/service/debian/release/12/latest/arm64"
PINS = (Pin("eu-central-1", ARM, "ami-0123456789abcdef0"), Pin("us-east-1", ARM, "ami-0fedcba9876543210"))
Read = Callable[..., Deployable]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def load(image: str = "debian-12", instance: str = "t4g.small", more: str = "", lock: str | None = None) -> Deployable:
        file = tmp_path / "ledger.yaml"
        file.write_text(FILE.format(image=image, instance=instance, more=more))
        if lock is not None:
            lock_of(file).write_text(lock)
        return spec.load(file)

    return load


@pytest.mark.parametrize("image", NAMED)
@pytest.mark.parametrize(("instance", "architecture"), [("t4g.small", "arm64"), ("m7i.large", "x86_64")])
def test_a_named_image_is_held_by_its_publishers_parameter_for_the_instances_architecture(
    image: str, instance: str, architecture: str, read: Read
) -> None:
    parameter = parameter_of(read(image, instance).assemblies[0].image, spec.architecture_of(instance))

    assert parameter is not None
    words = {"arm64": ("arm64",), "x86_64": ("amd64", "x86_64")}
    assert any(word in parameter for word in words[architecture])
    assert parameter.startswith("/aws/service/")


def test_an_image_by_id_or_by_a_parameter_of_ones_own_says_where_its_disk_is(read: Read) -> None:
    by_id = read("ami-0123456789abcdef0", more="root_device: /dev/sda1").assemblies[0]
    by_parameter = read("ssm:/golden/ledger", more="root_device: /dev/xvda").assemblies[0]

    assert (by_id.root_device, parameter_of(by_id.image, "arm64")) == ("/dev/sda1", None)
    assert (by_parameter.root_device, parameter_of(by_parameter.image, "arm64")) == ("/dev/xvda", "/golden/ledger")


def test_the_lock_beside_the_file_pins_its_images(read: Read, tmp_path: Path) -> None:
    text = pins_to_text(PINS, "ledger.yaml")

    assert read(lock=text).pins == PINS
    assert read_pins(tmp_path / "ledger.lock.yaml") == PINS


@pytest.mark.parametrize(
    ("instance", "lock", "words"),
    [
        ("m7i.large", pins_to_text(PINS, "ledger.yaml"), "does not pin /aws/service/debian/release/12/latest/amd64, which scheduler"),
        ("t4g.small", "images: [", "is not YAML"),
        ("t4g.small", "pins: {}", "has no images"),
        ("t4g.small", "images: {here: {}}", "is no region"),
        ("t4g.small", "images: {us-east-1: {/a: latest}}", "is no image's id"),
    ],
)
def test_a_lock_that_is_wrong_or_lacks_an_image_is_refused_with_what_to_do(instance: str, lock: str, words: str, read: Read) -> None:
    with pytest.raises(spec.SpecError) as caught:
        read(instance=instance, lock=lock)

    [problem] = caught.value.problems
    assert words in problem.message
    assert "understudy pin" in problem.remedy


def test_an_image_that_moves_installs_or_is_not_known_is_said_before_a_deploy(read: Read) -> None:
    assert ["newest at each deploy" in note for note in spec.image_notes(read())] == [True]
    assert ["python3.11" in note for note in spec.image_notes(read("amazon-linux-2023"))] == [True, False]
    assert ["Python 3.11 or newer" in note for note in spec.image_notes(read("ami-0123456789abcdef0", more="root_device: /dev/xvda"))] == [
        True
    ]
    assert list(spec.image_notes(read(lock=pins_to_text(PINS, "ledger.yaml")))) == []
