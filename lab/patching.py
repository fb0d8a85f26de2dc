"""Putting ours in the place of what moto has."""

from __future__ import annotations

from typing import Any


def original_of(owner: Any, name: str) -> Any:
    """moto's own, also when it was replaced before (worlds come and go in tests)."""
    current = getattr(owner, name)
    return getattr(current, "lab_original", current)


def replace(owner: Any, name: str, function: Any) -> None:
    """Keeps moto's own with it. Raises AttributeError when moto has no such name: its insides changed."""
    function.lab_original = original_of(owner, name)
    setattr(owner, name, function)


def take_over(owner: Any, **methods: Any) -> None:
    """Replace attributes of one of moto's classes, for a caller that kept moto's own. Raises AttributeError when moto no longer has one."""
    for name, method in methods.items():
        getattr(owner, name)
        setattr(owner, name, method)
