"""The modules that hold resource types; importing one registers its types."""

from __future__ import annotations

from importlib import import_module

MODULES = (
    "metadata",
    "network",
    "interfaces",
    "balancers",
    "gateways",
    "volumes",
    "dns",
    "identity",
    "storage",
    "tables",
    "messages",
    "keys",
    "functions",
    "custom",
    "events",
    "watching",
    "databases",
    "files",
)


def load() -> None:
    for name in MODULES:
        import_module(f"lab.emulator.cloudformation.{name}")
