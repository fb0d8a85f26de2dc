"""Made-up settings: every model comes back as it was, and whatever is broken is refused in words and in no other way."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_models import deployables

from core.model import Deployable
from core.settings import BadSettings, NodeSettings, node_settings_to_json, parse_node_settings

ODD: list[Any] = [None, True, -1, 0, 1e999, 10**400, "", "x", "a\0b", "\ud800", [], {}, [[]], {"": 1}, float("nan"), "UPPER", [1, 2, 3]]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(deployables())
def test_every_model_comes_back_as_it_was(deployable: Deployable) -> None:
    [assembly] = deployable.assemblies
    text = node_settings_to_json(deployable, assembly.name)

    assert parse_node_settings(text) == NodeSettings(deployable=deployable.name, assembly=assembly)
    assert text == node_settings_to_json(deployable, assembly.name), "the same model gives the same text"
    assert text.isascii(), "any editor and any locale can show it"


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in the value, with each of its keys."""
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    return [(value, key) for key, _ in items] + [place for _, inner in items for place in places(inner)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(deployables(), st.data())
def test_whatever_is_broken_in_them_is_refused_in_words_and_in_no_other_way(deployable: Deployable, data: st.DataObject) -> None:
    value = json.loads(node_settings_to_json(deployable, deployable.assemblies[0].name))
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(places(value)))
        with contextlib.suppress(LookupError):  # a former change took it away
            holder[key] = data.draw(st.sampled_from(ODD))
    refused, found = "", None
    try:
        found = parse_node_settings(json.dumps(value))
    except BadSettings as error:
        refused = str(error)
    if found is None:
        assert 0 < len(refused) < 2000
    else:
        again = Deployable(name=found.deployable, assemblies=(found.assembly,))
        assert parse_node_settings(node_settings_to_json(again, found.assembly.name)) == found


@pytest.mark.parametrize("depth", [50, 400, 900, 940, 980, 1000, 5000])
def test_settings_that_are_nested_without_end_are_refused(depth: int) -> None:
    with pytest.raises(BadSettings):
        parse_node_settings('{"version": 1, "deployable": "a", "assembly": ' + "[" * depth + "]" * depth + "}")
