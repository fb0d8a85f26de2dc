"""CloudFormation's loosely typed properties as the API's own types, read from botocore's model."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

_TRUE, _FALSE = ("true", "True"), ("false", "False")


@cache
def service_model(service: str) -> ServiceModel:
    """botocore's newest model of a service."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def coerce(service: str, shape: str, value: Any) -> Any:
    """A CloudFormation value as that shape of the API: "true" becomes True, "8" becomes 8, 8 becomes "8".

    A member the shape does not know raises ValueError naming it: nothing is dropped in silence.
    """
    return _typed(service_model(service).shape_for(shape), value, shape)


def _typed(shape: Any, value: Any, where: str) -> Any:
    kind = shape.type_name
    if kind == "structure":
        members = shape.members
        unknown = [key for key in value if key not in members]
        if unknown:
            raise ValueError(f"{where} has no {', '.join(unknown)}: the lab does not know this property")
        return {key: _typed(members[key], item, f"{where}.{key}") for key, item in value.items() if item is not None}
    if kind == "list":
        return [_typed(shape.member, item, f"{where}[]") for item in value]
    if kind == "map":
        return {key: _typed(shape.value, item, f"{where}.{key}") for key, item in value.items()}
    if kind == "boolean":
        if value in _TRUE or value is True:
            return True
        if value in _FALSE or value is False:
            return False
        raise ValueError(f"{where} is {value!r}: use true or false")
    if kind in ("integer", "long"):
        return int(value)
    if kind in ("float", "double"):
        return float(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
