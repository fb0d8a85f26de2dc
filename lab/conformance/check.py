"""The check itself: every resource there, every property as wanted, or on the list with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError

from lab.conformance import (  # noqa: F401 - they register
    readers_balancers,
    readers_compute,
    readers_databases,
    readers_files,
    readers_gateways,
    readers_interfaces,
    readers_messages,
    readers_network,
    readers_storage,
    readers_volumes,
)
from lab.conformance.compare import differences
from lab.conformance.live import READERS, Live, Missing, Read, client
from lab.conformance.resolve import Resolver, Unresolvable
from lab.world import PORT

TEXT_CHARS_MAX = 300
# Whole types of which nothing can be read back, and why that is right.
EXCUSED_TYPES = {
    "AWS::CDK::Metadata": "a note of CDK's own; AWS makes nothing of it either",
    "AWS::CloudFormation::CustomResource": "only the function that made it knows what it is; no call of AWS's describes it",
    "AWS::DLM::LifecyclePolicy": "the emulator has no Data Lifecycle Manager to ask; no snapshot is taken in the lab",
}
# (type, path) that does not read back, and why that is right.
EXCUSED_PROPERTIES: dict[tuple[str, str], str] = {
    ("AWS::RDS::DBInstance", "DeleteAutomatedBackups"): "an argument of DeleteDBInstance; no describing call tells it",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding, as one line."""

    logical_id: str
    type_name: str
    text: str

    def __str__(self) -> str:
        return f"{self.logical_id} ({self.type_name}): {self.text}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= TEXT_CHARS_MAX else f"{text[:TEXT_CHARS_MAX]}..."


class _Stack:
    """One deployed stack, read lazily, each resource once."""

    def __init__(self, name: str, template: Mapping[str, Any], endpoint: str) -> None:
        self.endpoint = endpoint
        self.resources: Mapping[str, Any] = template["Resources"]
        self._parameters: Mapping[str, Any] = template.get("Parameters", {})
        found = client(endpoint, "cloudformation").describe_stack_resources(StackName=name)["StackResources"]
        self.physical = {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in found}
        self.types = {item["LogicalResourceId"]: item["ResourceType"] for item in found}
        self._id = next((item["StackId"] for item in found), name)
        self._resolver = Resolver(self._ref, self._attribute, template, stack=name)
        self.wanted = lru_cache(maxsize=None)(self._wanted)
        self.live = lru_cache(maxsize=None)(self._live)

    def _wanted(self, logical_id: str) -> Mapping[str, Any]:
        properties: Mapping[str, Any] = self._resolver.resolve(self.resources[logical_id].get("Properties", {}))
        return properties

    def _live(self, logical_id: str) -> Live:
        type_name = self.resources[logical_id]["Type"]
        if type_name not in READERS:
            raise Unresolvable(f"no reader for {type_name}: write one, or excuse the type with its reason")
        if logical_id not in self.physical:
            raise Missing("not among the stack's resources")
        request = Read(self.endpoint, self.physical[logical_id], self.wanted(logical_id), frozenset(self.physical.values()))
        return READERS[type_name](request)

    def _ref(self, name: str) -> Any:
        if name in self.resources:
            if name not in self.physical:
                raise Missing(f"{name} is not among the stack's resources")
            return self.physical[name]
        if name == "AWS::StackId":
            return self._id
        if name not in self._parameters:
            raise Unresolvable(f"Ref {name}")
        parameter = self._parameters[name]
        if parameter["Type"].startswith("AWS::SSM::Parameter::Value<"):
            return client(self.endpoint, "ssm").get_parameter(Name=parameter["Default"])["Parameter"]["Value"]
        return parameter["Default"]

    def _attribute(self, logical_id: str, name: str) -> Any:
        attributes = self.live(logical_id).attributes
        if name not in attributes:
            raise Unresolvable(f"{logical_id}.{name}: its reader does not give that attribute")
        return attributes[name]


def _problems_of(stack: _Stack, logical_id: str, type_name: str) -> list[str]:
    """What is wrong with one resource, as texts."""
    try:
        live = stack.live(logical_id)
        wanted = stack.wanted(logical_id)
    except Missing as error:
        return [f"the resource does not exist: {error}"]
    except Unresolvable as error:
        return [f"cannot be checked: {error}"]
    except ClientError as error:
        return [f"the resource does not read back: {error}"]
    found = []
    if stack.types.get(logical_id) != type_name:
        found.append(f"the stack says it is a {stack.types.get(logical_id)}")
    for difference in differences(wanted, live.properties):
        if (type_name, difference.path.split("[")[0]) not in EXCUSED_PROPERTIES:
            found.append(f"{difference.path}: expected {_short(difference.wanted)}, got {_short(difference.got)}")
    return found


def check(stack_name: str, template: Mapping[str, Any], *, endpoint: str = f"http://localhost:{PORT}") -> list[Problem]:
    """All that is missing or otherwise than the template says; empty when the emulator holds it all.

    Raises ClientError when the stack itself cannot be described.
    """
    if template.get("Conditions"):
        return [Problem(stack_name, "AWS::CloudFormation::Stack", "has Conditions, which this check does not work out")]
    stack = _Stack(stack_name, template, endpoint)
    problems = []
    for logical_id, body in stack.resources.items():
        if body["Type"] in EXCUSED_TYPES:
            continue
        problems += [Problem(logical_id, body["Type"], text) for text in _problems_of(stack, logical_id, body["Type"])]
    return problems
