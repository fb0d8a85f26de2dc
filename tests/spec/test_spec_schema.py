"""The JSON Schema for editors: it knows every form that `load` reads, and refuses none of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import spec

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "deployables").glob("*.yaml"))


def complaints(application: dict[str, Any]) -> list[str]:
    """What the schema has against a file with an application like this."""
    file = {
        "deployable": "ledger",
        "assemblies": [
            {
                "name": "scheduler",
                "image": "debian-12",
                "instances": ["t4g.small"],
                "state": {"keep": "none"},
                "applications": [{"name": "ledger", "run": {"exec": ["/bin/ledger"]}, **application}],
            }
        ],
    }
    return [error.message for error in jsonschema.Draft202012Validator(spec.json_schema()).iter_errors(file)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_satisfies_it(example: Path) -> None:
    jsonschema.validate(yaml.safe_load(example.read_text()), spec.json_schema())


@pytest.mark.parametrize(
    "application",
    [
        {"thresholds": {"memory": "90%", "open_files": 4000, "threads": 5, "disk": {"/": "95%"}}},
        {"thresholds": {"memory": "800M", "open_files": "80%", "cpu": {"above": "150%", "for": "1m", "then": "report"}}},
        {"probes": [{"command": ["/bin/true"], "busy_exit": 3}, {"command": ["/bin/true"], "busy_exit": [3, 4]}]},
        {"probes": [{"http": "http://localhost/", "status": 200}, {"file": "/x", "age": "5m"}]},
        {"tolerance": {"failures": "never", "window": "1h"}},
        {"ha_properties": {"mz.ha.enabled": "true"}},
        {"ha_properties": "mz.ha.enabled = true"},
        {"counters": {"rules": [{"name": "a", "at_most": 5, "needs": {"b": 10}}]}},
        {"limits": {"memory": "1.5G"}, "output": {"file": "/x", "size": "10M"}},
    ],
)
def test_both_forms_of_a_value_satisfy_it(application: dict[str, Any]) -> None:
    assert complaints(application) == []


@pytest.mark.parametrize(
    "application",
    [{"thresholds": {"memory": 90}}, {"limits": {"memory": "1GB"}}, {"probes": [{"file": "/x", "age": 5}]}, {"usr": "x"}],
)
def test_it_refuses_what_an_editor_can_see_is_wrong(application: dict[str, Any]) -> None:
    assert complaints(application) != []


def test_its_defaults_are_written_as_the_file_would_have_them() -> None:
    sections = spec.json_schema()["$defs"]

    assert sections["ProbeSection"]["properties"]["every"]["default"] == "5s"
    assert sections["OutputSection"]["properties"]["size"]["default"] == "10M"
    assert sections["MemoryLevel"]["properties"]["for"]["default"] == "30s"
