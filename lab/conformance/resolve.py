"""A template's intrinsic functions, worked out from what the stack and its resources answer."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from lab.world import ACCOUNT, REGION

ZONES = tuple(f"{REGION}{letter}" for letter in "abcd")
_PSEUDO: dict[str, Any] = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
_SUB = re.compile(r"\$\{([^}]*)\}")
NO_VALUE = object()


class Unresolvable(Exception):
    """The check does not know this function or name; the text says which."""


class Resolver:
    """ref: logical id or parameter to its value. attribute: (logical id, attribute) to its value."""

    def __init__(self, ref: Callable[[str], Any], attribute: Callable[[str, str], Any], template: Mapping[str, Any], *, stack: str) -> None:
        self._ref = ref
        self._attribute = attribute
        self._template = template
        self._stack = stack

    def resolve(self, value: Any) -> Any:
        """The value with every function worked out; keys that resolve to no value are dropped."""
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not NO_VALUE]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            (key,) = value
            if key == "Ref" or key.startswith("Fn::"):
                return self._function(key, value[key])
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def _function(self, key: str, argument: Any) -> Any:
        if key == "Ref":
            return self._named(argument)
        if key == "Fn::GetAtt":
            logical_id, name = argument.split(".", 1) if isinstance(argument, str) else argument
            return self._attribute(logical_id, self.resolve(name))
        if key == "Fn::Sub":
            return self._sub(argument)
        if key == "Fn::If":
            raise Unresolvable("Fn::If")
        plain = self.resolve(argument)
        if key == "Fn::Join":
            return plain[0].join(str(part) for part in plain[1])
        if key == "Fn::Select":
            return plain[1][int(plain[0])]
        if key == "Fn::Split":
            return plain[1].split(plain[0])
        if key == "Fn::GetAZs":
            return list(ZONES)
        if key == "Fn::Base64":
            return base64.b64encode(plain.encode()).decode()
        if key == "Fn::FindInMap":
            return self._template["Mappings"][plain[0]][plain[1]][plain[2]]
        raise Unresolvable(key)

    def _named(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name == "AWS::StackName":
            return self._stack
        return _PSEUDO[name] if name in _PSEUDO else self._ref(name)

    def _sub(self, argument: Any) -> str:
        text, extra = (argument, {}) if isinstance(argument, str) else (argument[0], self.resolve(argument[1]))

        def one(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in extra:
                return str(extra[name])
            return str(self._attribute(*name.split(".", 1)) if "." in name else self._named(name))

        return _SUB.sub(one, text)
