"""A small world for tests of the lab's engines: real processes on loopback, no namespaces, no emulator process."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws
from moto.backends import get_backend

import lab.alarms
import lab.functions
import lab.messaging
import lab.metrics
from lab.clock import Clock
from lab.delays import Delays
from lab.journal import Journal, read
from lab.world import ACCOUNT, REGION, World

_QUICK = {"LOG_TO_METRIC": "0.05", "EVENT": "0.05", "COLD_START": "0.01", "STREAM_POLL": "0.05", "ALARM_EVALUATION": "0.05"}


@contextlib.contextmanager
def small_world(folder: Path, *, scale: float = 1.0, started: bool = True) -> Iterator[World]:
    """All messaging parts on fresh backends; AWS's delays are short but not zero."""
    for name, seconds in _QUICK.items():
        os.environ[f"LAB_DELAY_{name}"] = seconds
    environment = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}
    os.environ.update(environment)
    try:
        with mock_aws():
            world = World(lab_dir=folder, clock=Clock(scale), journal=Journal(folder / "journal"), delays=Delays())
            parts = (lab.functions, lab.messaging, lab.metrics, lab.alarms)
            for part in parts:
                part.install(world)
            if started:
                for part in parts:
                    part.start(world)
            try:
                yield world
                assert no_errors_of_the_lab(world), events(world, what="error of the lab")
            finally:
                for part in (lab.alarms, lab.metrics, lab.messaging, lab.functions):
                    part.stop(world)
    finally:
        for name in (*(f"LAB_DELAY_{name}" for name in _QUICK), *environment):
            os.environ.pop(name, None)


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, text in files.items():
            target.writestr(name, text)
    return buffer.getvalue()


def role(name: str, allow: dict[str, str] | None = None) -> str:
    """A role of that name; allow: {action: resource}."""
    client = boto3.client("iam")
    arn = str(client.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"])
    statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in (allow or {}).items()]
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        client.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=document)
    return arn


def deploy(name: str, code: str, *, allow: dict[str, str] | None = None, **settings: Any) -> str:
    """A function `name` whose handler is `main.handler`, with a role `NAME-role`; its ARN."""
    backend = get_backend("lambda")[ACCOUNT][REGION]
    spec = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Role": role(f"{name}-role", allow),
        "Handler": "main.handler",
        "Code": {"ZipFile": base64.b64encode(archive({"main.py": code})).decode()},
        "Timeout": 5,
        **settings,
    }
    return str(backend.create_function(spec).function_arn)


def events(world: World, **wanted: Any) -> list[dict[str, Any]]:
    """Journal lines whose fields match; a string matches when it is contained."""
    lines, _ = read(world.journal.path)
    return [
        line
        for line in lines
        if all(value in str(line.get(key, "")) if isinstance(value, str) else line.get(key) == value for key, value in wanted.items())
    ]


def wait_for(look: Callable[[], Any], *, within_s: float = 60.0) -> Any:
    """The first true answer of look(); fails when there is none in time. The bound is for machines with much else to do."""
    end = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"nothing within {within_s} s"
        time.sleep(0.02)


def no_errors_of_the_lab(world: World) -> bool:
    """What engines' threads did not foresee is said in the journal."""
    return not events(world, what="error of the lab")
