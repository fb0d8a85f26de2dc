"""The lock file beside a deployable file: which image each region's machines start from, until somebody moves it on purpose."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from core.images import Pin, parameter_of
from core.model import Deployable
from spec.image import AMI
from spec.values import architecture_of

LOCK_BYTES_MAX = 1 << 20
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")


class BadLock(ValueError):
    """The text says what is wrong with the lock file, or what it lacks."""


def lock_of(path: Path) -> Path:
    """`ledger.lock.yaml` beside `ledger.yaml`."""
    return path.with_suffix(".lock.yaml")


def read_pins(path: Path) -> tuple[Pin, ...]:
    """Raises FileNotFoundError, and BadLock saying what is wrong with the file."""
    with path.open("rb") as stream:
        text = stream.read(LOCK_BYTES_MAX + 1)
    if len(text) > LOCK_BYTES_MAX:
        raise BadLock(f"{path.name} is longer than {LOCK_BYTES_MAX} bytes")
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadLock(f"{path.name} is not YAML: {error}") from error
    images = data.get("images") if isinstance(data, dict) else None
    if not isinstance(images, dict):
        raise BadLock(f"{path.name} has no images: write it anew with `understudy pin`")
    return tuple(_pins(images, path.name))


def _pins(images: dict[Any, Any], name: str) -> Iterator[Pin]:
    for region, held in images.items():
        if not isinstance(region, str) or not _REGION.fullmatch(region) or not isinstance(held, dict):
            raise BadLock(f"{name}: images has {region!r}, which is no region with its parameters")
        for parameter, image_id in held.items():
            if not isinstance(parameter, str) or not isinstance(image_id, str) or not is_image_id(image_id):
                raise BadLock(f"{name}: {region}: {parameter!r} holds {image_id!r}, which is no image's id")
            yield Pin(region, parameter, image_id)


def is_image_id(text: str) -> bool:
    return re.fullmatch(AMI, text) is not None


def pins_to_text(pins: tuple[Pin, ...], of: str) -> str:
    """The lock file. of: the deployable file's name."""
    images: dict[str, dict[str, str]] = {}
    for pin in sorted(pins, key=lambda pin: (pin.region, pin.parameter)):
        images.setdefault(pin.region, {})[pin.parameter] = pin.image_id
    head = f"# The images that {of} starts machines from, by region. Commit it; only `understudy pin {of}` writes it anew.\n"
    return head + yaml.safe_dump({"images": images}, sort_keys=False)


def parameters_of(deployable: Deployable) -> dict[str, str]:
    """The parameters that its images are held by, each with the first assembly that asks for it."""
    found: dict[str, str] = {}
    for assembly in deployable.assemblies:
        parameter = parameter_of(assembly.image, architecture_of(assembly.instances[0]))
        if parameter is not None:
            found.setdefault(parameter, assembly.name)
    return found


def pinned(deployable: Deployable, path: Path) -> Deployable:
    """The deployable with the pins of its file's lock, when there is one. Raises BadLock, also when an image of it has no pin there."""
    lock = lock_of(path)
    try:
        pins = read_pins(lock)
    except FileNotFoundError:
        return deployable
    except OSError as error:
        raise BadLock(f"{lock.name} cannot be read: {error.strerror}") from error
    have = {pin.parameter for pin in pins}
    for parameter, assembly in parameters_of(deployable).items():
        if parameter not in have:
            raise BadLock(f"{lock.name} does not pin {parameter}, which {assembly} starts from")
    return dataclasses.replace(deployable, pins=pins)
