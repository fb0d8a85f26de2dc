"""A resource agent's meta-data: times, parameters, and what is refused."""

from __future__ import annotations

import pytest

from agent.runs.ocf_metadata import BadMetadata, parse, time_s

METADATA = b"""<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="made-up" version="1.0"><version>1.1</version>
<parameters>
 <parameter name="state" required="1"><content type="string"/></parameter>
 <parameter name="count" required="0"><content type="integer" default="3"/></parameter>
 <parameter name="port" required="1"><content type="integer" default="80"/></parameter>
 <parameter name="loud"><content type="boolean"/></parameter>
</parameters>
<actions>
 <action name="start" timeout="2s"/><action name="stop" timeout="5"/>
 <action name="monitor" depth="0" timeout="1s" interval="7s"/><action name="monitor" depth="10" timeout="5s"/>
 <action name="meta-data" timeout="5s"/><action name="validate-all" timeout="5s"/>
</actions></resource-agent>"""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20s", 20.0),
        ("20", 20.0),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("500ms", 0.5),
        ("20 sec", 20.0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_times_in_meta_data(text: str, seconds: float | None) -> None:
    assert time_s(text) == seconds


def test_meta_data_is_read_in_the_forms_of_both_versions() -> None:
    said = parse(METADATA)

    assert (said.timeout_s("start", 9.0), said.timeout_s("stop", 9.0), said.timeout_s("promote", 9.0)) == (2.0, 5.0, 9.0)
    assert (said.timeout_s("monitor", 9.0), said.timeout_s("monitor", 9.0, depth=10)) == (1.0, 5.0)
    assert [name for name, parameter in said.parameters.items() if parameter.required] == ["state", "port"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"no xml", "is not XML"),
        (b"<other/>", "begins with 'other'"),
        (b"", "is not XML"),
        (b'<!DOCTYPE r [<!ENTITY a "b">]><resource-agent name="&a;"/>', "declares the entity 'a'"),
        (b'<!DOCTYPE r [<!ENTITY % a SYSTEM "file:///etc/passwd">%a;]><resource-agent/>', "declares the entity 'a'"),
        (b"<resource-agent>" + b"<x/>" * 6000 + b"</resource-agent>", "more than 5000 elements"),
        (b"<resource-agent>" + b" " * (1 << 18), "longer than"),
    ],
)
def test_meta_data_that_is_strange_is_refused(text: bytes, said: str) -> None:
    with pytest.raises(BadMetadata, match=said):
        parse(text)
