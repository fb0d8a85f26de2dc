"""What a resource type is here: a function that makes one through the emulator's own API.

A type's function takes every property it understands; whatever it leaves is refused by name, so
that nothing is dropped in silence (moto's own CloudFormation drops what it does not know).
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.cloudformation.parsing import get_model_list, get_model_map, get_name_type_map
from moto.core.common_models import CloudFormationModel

from lab.emulator.client import client
from lab.world import World


class ResourceError(Exception):
    """A resource cannot be made; the text says why."""


class Props:
    """One resource's properties, resolved. Remembers what was taken."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {key: value for key, value in values.items() if value is not None}
        self._taken: set[str] = set()

    def take(self, name: str, default: Any = None) -> Any:
        """The property, or the default when the template does not give it."""
        self._taken.add(name)
        return self._values.get(name, default)

    def need(self, name: str) -> Any:
        """The property. Raises ResourceError when the template does not give it."""
        self._taken.add(name)
        if name not in self._values:
            raise ResourceError(f"property {name} is missing")
        return self._values[name]

    def pick(self, *names: str) -> dict[str, Any]:
        """Those of the named properties that the template gives: for APIs that call them the same."""
        self._taken.update(names)
        return {name: self._values[name] for name in names if name in self._values}

    def tags(self) -> list[dict[str, str]]:
        """Tags as most APIs want them: [{"Key", "Value"}]."""
        return [{"Key": tag["Key"], "Value": tag["Value"]} for tag in self.take("Tags", [])]

    def tag_map(self) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self.tags()}

    def left(self) -> list[str]:
        """Properties that nobody took."""
        return sorted(set(self._values) - self._taken)


@dataclass(frozen=True, slots=True)
class Request:
    """One resource to make. name: the physical name to give where the type has names."""

    world: World
    type_name: str
    logical_id: str
    stack_id: str
    name: str
    props: Props

    def api(self, service: str) -> Any:
        return client(self.world.endpoint, service)


@dataclass(frozen=True, slots=True)
class Made:
    """physical_id: what Ref gives. attributes: what GetAtt gives. undo: takes it away again."""

    physical_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    undo: Callable[[], Any] | None = None


Create = Callable[[Request], Made]
Change = Callable[[Request, str], Made]  # given the physical id of what is there


@dataclass(frozen=True, slots=True)
class ResourceType:
    """name_property: the property that names it, if any. name_max: AWS's longest name.

    again: making it again over itself is how it is updated (the API is a put).
    change: how it is updated otherwise; without either it cannot be changed in place.
    """

    type_name: str
    create: Create
    name_property: str = ""
    name_max: int = 255
    lower: bool = False
    attributes: frozenset[str] = frozenset()
    again: bool = False
    change: Change | None = None


TYPES: dict[str, ResourceType] = {}


def resource(
    type_name: str,
    *,
    name: str = "",
    name_max: int = 255,
    lower: bool = False,
    attributes: tuple[str, ...] = (),
    again: bool = False,
    change: Change | None = None,
) -> Callable[[Create], Create]:
    """Say that the decorated function makes resources of this type."""

    def register(create: Create) -> Create:
        TYPES[type_name] = ResourceType(type_name, create, name, name_max, lower, frozenset(attributes), again, change)
        return create

    return register


def physical_name(stack: str, logical_id: str, *, longest: int, lower: bool) -> str:
    """As CloudFormation names things: stack, logical id and chance, cut to the type's longest name."""
    chance = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(12))
    stem = f"{stack}-{logical_id}"[: longest - len(chance) - 1].rstrip("-")
    name = f"{stem}-{chance}"
    return name.lower() if lower else name


class Resource(CloudFormationModel):
    """A made resource as moto's CloudFormation keeps it; subclasses are one per type."""

    kind: ResourceType
    world: World

    def __init__(self, made: Made, name: str) -> None:
        self.physical_resource_id = made.physical_id
        self.name = name
        self._made = made

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in cls.kind.attributes

    def get_cfn_attribute(self, attribute_name: str) -> str:
        if attribute_name not in self._made.attributes:
            raise UnformattedGetAttTemplateException
        return self._made.attributes[attribute_name]

    def is_created(self) -> bool:
        return True

    def delete(self, account_id: str, region: str) -> None:
        if self._made.undo is not None:
            self._made.undo()

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Resource:
        stack_id = str(kwargs.get("StackId", ""))
        logical_id = str(kwargs.get("LogicalId", resource_name))
        properties = cloudformation_json.get("Properties") or {}
        given = properties.get(cls.kind.name_property) if cls.kind.name_property else None
        stack = stack_id.split("/")[1] if "/" in stack_id else "stack"
        name = str(given) if given else physical_name(stack, logical_id, longest=cls.kind.name_max, lower=cls.kind.lower)
        return cls._make(name, properties, logical_id, stack_id, cls.kind.create)

    @classmethod
    def _make(cls, name: str, properties: Mapping[str, Any], logical_id: str, stack_id: str, act: Create) -> Resource:
        props = Props(properties)
        if cls.kind.name_property:
            props.take(cls.kind.name_property)
        made = act(Request(cls.world, cls.kind.type_name, logical_id, stack_id, name, props))
        if props.left():
            raise ResourceError(f"the lab does not understand propert{'ies' if props.left()[1:] else 'y'} {', '.join(props.left())}")
        return cls(made, name)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str
    ) -> Resource:
        change, physical_id = cls.kind.change, original_resource.physical_resource_id
        if change is not None:
            act: Create = lambda request: change(request, physical_id)  # noqa: E731 - a call, for later
        elif cls.kind.again:
            act = cls.kind.create
        else:
            raise ResourceError("the lab cannot change this type in place: start a fresh lab")
        logical_id = str(getattr(original_resource, "logical_resource_id", new_resource_name))
        return cls._make(original_resource.name, cloudformation_json.get("Properties") or {}, logical_id, "", act)

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str
    ) -> None:
        """Nothing more: delete() above has done it."""


_classes: list[type[Resource]] = []  # moto finds models by __subclasses__(), which holds no references


def publish(world: World) -> None:
    """Make moto's registry know every type in TYPES, ours before its own; forget what it cached."""
    known = {cls.kind.type_name for cls in _classes}
    for kind in TYPES.values():
        if kind.type_name in known:
            continue
        body: dict[str, Any] = {
            "__module__": __name__,  # moto's metaclass wants a dotted one
            "kind": kind,
            "world": world,
            "cloudformation_type": staticmethod(lambda kind=kind: kind.type_name),
            "cloudformation_name_type": staticmethod(lambda kind=kind: kind.name_property),
        }
        bases = (Resource, CloudFormationModel)
        _classes.append(type(kind.type_name.replace("::", ""), bases, body))
    for cls in _classes:
        cls.world = world
    refresh()


def refresh() -> None:
    """Let moto look at its models again; call it after defining a CloudFormationModel."""
    for cached in (get_model_list, get_model_map, get_name_type_map):
        cached.cache_clear()
