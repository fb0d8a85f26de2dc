"""MediationZone's ten properties: each with its default, its bounds, and what it means for the verdict."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.application import HaPort
from core.bounds import CounterRule, Counters
from core.node.ha_properties import DEFAULTS, ha_from_properties, parse_properties
from core.settings import BadSettings

ON = {"mz.ha.enabled": "true", "mz.ha.port": "7811"}


def counters(**properties: str) -> Counters | None:
    return ha_from_properties({**ON, **{f"mz.ha.{name}": value for name, value in properties.items()}})[1]


def port(**properties: str) -> HaPort | None:
    return ha_from_properties({**ON, **{f"mz.ha.{name}": value for name, value in properties.items()}})[0]


def only_rule(**properties: str) -> CounterRule:
    found = counters(**properties)
    assert found is not None
    (rule,) = found.rules
    return rule


INT_MAX = "2147483647"
COUNT = ("-1", "-1", INT_MAX, ("-2", "2147483648", "many", "1.5"))
# By property: its default, the least and the most that is taken, and values that are not. MediationZone tells the default,
# the interval's floor and that -1 is off; the rest is what a port, a host name (RFC 1123) and an int of Java can be.
TEN = {
    "mz.ha.enabled": ("false", "false", "true", ("yes", "1", "on")),
    "mz.ha.host": ("127.0.0.1", "a", ".".join(["a" * 63] * 3 + ["a" * 61]), ("a" * 64, ".".join(["a" * 63] * 4), "1.2.3", "a b")),
    "mz.ha.port": ("", "1", "65535", ("0", "65536", "-1", "http", "78.11")),
    "mz.ha.log_file": ("", "/", "/" + "a" * 4000, ("log", "./log", "~/log")),
    "mz.ha.interval": ("40", "40", INT_MAX, ("2147483648", "40s", "40.5", "soon")),
    "mz.ha.min_activations": COUNT,
    "mz.ha.min_activations_for_aborts": COUNT,
    "mz.ha.max_aborts": COUNT,
    "mz.ha.min_consumes": COUNT,
    "mz.ha.min_number_of_transactions": COUNT,
}


def test_there_are_ten_properties() -> None:
    assert {name: default for name, (default, *_) in TEN.items()} == DEFAULTS


@pytest.mark.parametrize(("name", "bounds"), TEN.items(), ids=TEN)
def test_each_of_the_ten_has_its_default_its_bounds_and_values_that_are_refused_by_its_name(
    name: str, bounds: tuple[str, str, str, tuple[str, ...]]
) -> None:
    default, least, most, wrong = bounds
    others = {**ON, "mz.ha.max_aborts": "5"}
    without = ha_from_properties({key: value for key, value in others.items() if key != name or default == ""})

    assert ha_from_properties({**others, name: default or others.get(name, "")}) == without, "left out, it is its default"
    for value in (least, most):
        assert ha_from_properties({**others, name: value})[2] == (), "and taken as it is"
    for value in wrong:
        with pytest.raises(BadSettings, match=rf"^{re.escape(name)} is '{re.escape(value)}': "):
            ha_from_properties({**others, name: value})


# --- enabled, host, port, log_file -------------------------------------------------------------------------------


def test_without_any_property_it_is_off() -> None:
    assert ha_from_properties({}) == (None, None, ())


def test_it_is_off_unless_enabled() -> None:
    assert ha_from_properties({"mz.ha.port": "7811", "mz.ha.max_aborts": "5"}) == (None, None, ())
    assert ha_from_properties({**ON, "mz.ha.enabled": "false"}) == (None, None, ())
    assert ha_from_properties({**ON, "mz.ha.enabled": "TRUE"})[0] == HaPort(port=7811)


def test_enabled_is_true_or_false() -> None:
    with pytest.raises(BadSettings, match=r"mz\.ha\.enabled is 'yes': use true or false"):
        ha_from_properties({**ON, "mz.ha.enabled": "yes"})


def test_it_listens_on_the_loopback_unless_told_otherwise() -> None:
    assert port() == HaPort(port=7811, host="127.0.0.1")
    assert port(host="") == HaPort(port=7811, host="127.0.0.1")
    assert port(host="10.20.0.7") == HaPort(port=7811, host="10.20.0.7")
    assert port(host="::1") == HaPort(port=7811, host="::1")
    assert port(host="node-1.internal") == HaPort(port=7811, host="node-1.internal")


@pytest.mark.parametrize("host", ["999.1.1.1", "two words", "a/b", "-a", "x" * 300])
def test_a_host_is_an_address_or_a_name(host: str) -> None:
    with pytest.raises(BadSettings, match=r"mz\.ha\.host is "):
        port(host=host)


def test_the_port_is_mandatory_once_enabled() -> None:
    with pytest.raises(BadSettings, match=r"mz\.ha\.port is '': it is mandatory when mz\.ha\.enabled is true"):
        ha_from_properties({"mz.ha.enabled": "true"})


@pytest.mark.parametrize(("value", "number"), [("1", 1), ("65535", 65535)])
def test_ports_within_the_bounds(value: str, number: int) -> None:
    assert port(port=value) == HaPort(port=number)


@pytest.mark.parametrize("value", ["0", "65536", "-1", "http", "78.11", "7811x", "٣٣٣", "9" * 5000])
def test_ports_out_of_bounds_are_refused(value: str) -> None:
    with pytest.raises(BadSettings, match=r"mz\.ha\.port is .*use a whole number from 1 to 65535"):
        port(port=value)


def test_the_log_file_is_a_folder_and_there_is_no_log_without_it() -> None:
    assert port(log_file="/var/log/ha") == HaPort(port=7811, log_folder="/var/log/ha")
    assert port(log_file="") == HaPort(port=7811, log_folder=None)
    with pytest.raises(BadSettings, match=r"mz\.ha\.log_file is 'log': use the absolute path of a folder"):
        port(log_file="log")


# --- interval and the five counters ------------------------------------------------------------------------------


def test_the_interval_is_40_seconds_unless_told_otherwise() -> None:
    found = counters(max_aborts="5")

    assert found is not None
    assert found.interval_s == 40


@pytest.mark.parametrize(("value", "interval_s"), [("40", 40), ("41", 41), ("3600", 3600)])
def test_an_interval_of_40_or_more_is_taken_as_it_is(value: str, interval_s: float) -> None:
    _, found, warnings = ha_from_properties({**ON, "mz.ha.interval": value, "mz.ha.max_aborts": "5"})

    assert found is not None
    assert (found.interval_s, warnings) == (interval_s, ())


@pytest.mark.parametrize("value", ["39", "1", "0", "-7"])
def test_a_lower_interval_is_raised_to_40_with_a_warning(value: str) -> None:
    _, found, warnings = ha_from_properties({**ON, "mz.ha.interval": value, "mz.ha.max_aborts": "5"})

    assert found is not None
    assert found.interval_s == 40
    assert warnings == (f"mz.ha.interval is {value}: raised to 40 seconds, the least there is",)


def test_an_interval_is_a_whole_number_of_seconds() -> None:
    with pytest.raises(BadSettings, match=r"mz\.ha\.interval is '1m': use a whole number of seconds"):
        counters(interval="1m")


@pytest.mark.parametrize(
    ("name", "counter"),
    [("min_activations", "activations"), ("min_consumes", "consumes"), ("min_number_of_transactions", "transactions")],
)
def test_each_minimum_is_a_rule_of_its_own(name: str, counter: str) -> None:
    assert only_rule(**{name: "7"}) == CounterRule(name=counter, at_least=7)
    assert only_rule(**{name: "0"}) == CounterRule(name=counter, at_least=0)
    assert counters(**{name: "-1"}) is None, "-1 is off"
    assert counters() is None, "and off is the default"


def test_max_aborts_is_a_rule_of_its_own() -> None:
    assert only_rule(max_aborts="7") == CounterRule(name="aborts", at_most=7)
    assert only_rule(max_aborts="0") == CounterRule(name="aborts", at_most=0)
    assert counters(max_aborts="-1") is None


def test_aborts_may_count_only_after_so_many_activations() -> None:
    rule = only_rule(max_aborts="7", min_activations_for_aborts="100")

    assert rule == CounterRule(name="aborts", at_most=7, needs=("activations", 100))
    assert only_rule(max_aborts="7", min_activations_for_aborts="-1").needs is None


def test_activations_for_aborts_mean_nothing_without_a_bound_on_aborts() -> None:
    with pytest.raises(BadSettings, match=r"mz\.ha\.min_activations_for_aborts is 100 and mz\.ha\.max_aborts is -1"):
        counters(min_activations_for_aborts="100")


@pytest.mark.parametrize(
    "name", ["min_activations", "min_activations_for_aborts", "max_aborts", "min_consumes", "min_number_of_transactions"]
)
@pytest.mark.parametrize("value", ["-2", "many", "1.5", "2147483648", ""])
def test_counts_out_of_bounds_are_refused_and_empty_ones_are_off(name: str, value: str) -> None:
    if value == "":
        assert counters(**{name: value}) is None
        return
    with pytest.raises(BadSettings, match=rf"mz\.ha\.{name} is '{value}': use a whole number from -1 to 2147483647 \(-1 is off\)"):
        counters(**{name: value})


def test_all_bounds_together_share_one_interval() -> None:
    found = counters(
        interval="60",
        min_activations="10",
        min_activations_for_aborts="20",
        max_aborts="3",
        min_consumes="5",
        min_number_of_transactions="1",
    )

    assert found == Counters(
        interval_s=60,
        rules=(
            CounterRule(name="activations", at_least=10),
            CounterRule(name="consumes", at_least=5),
            CounterRule(name="transactions", at_least=1),
            CounterRule(name="aborts", at_most=3, needs=("activations", 20)),
        ),
    )


def test_an_unknown_property_of_the_monitor_is_refused_and_others_are_not_ours() -> None:
    assert ha_from_properties({**ON, "pico.rcp.timeout": "60", "mz.haha": "1"})[0] == HaPort(port=7811)
    with pytest.raises(BadSettings, match=r"mz\.ha\.max_abort is '5': there is no such property"):
        ha_from_properties({**ON, "mz.ha.max_abort": "5"})


@pytest.mark.parametrize("key", DEFAULTS)
def test_what_is_switched_off_is_checked_all_the_same(key: str) -> None:
    with pytest.raises(BadSettings, match=key):
        ha_from_properties({"mz.ha.enabled": "false", key: "\x00 no"})


VALUES = st.one_of(st.sampled_from(["", "true", "-1", "40", "1e3", "/var/log", "127.0.0.1"]), st.text("a1-. ", max_size=6))


@given(st.lists(st.tuples(st.sampled_from([*DEFAULTS, "mz.ha.other", "x"]), VALUES), max_size=12))
def test_any_values_are_taken_or_refused_by_name(pairs: list[tuple[str, str]]) -> None:
    properties = dict(pairs)
    refusal, port_found = "", None
    try:
        port_found, _, _ = ha_from_properties(properties)
    except BadSettings as error:
        refusal = str(error)

    assert not refusal or any(refusal.startswith(f"{key} is ") for key in [*properties, "mz.ha.port"])
    assert port_found is None or 1 <= port_found.port <= 65535


# --- the file format ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "properties"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param("a=1\nb:2\nc 3\nd\t=\t4", {"a": "1", "b": "2", "c": "3", "d": "4"}, id="three separators"),
        pytest.param("# a=1\n  ! b=2\n\n \t\n", {}, id="comments and blank lines"),
        pytest.param("a=1 # not a comment", {"a": "1 # not a comment"}, id="a comment is a line of its own"),
        pytest.param("a = = 1", {"a": "= 1"}, id="only the first separator"),
        pytest.param("a=1  ", {"a": "1  "}, id="trailing blanks are kept"),
        pytest.param("a", {"a": ""}, id="a key alone"),
        pytest.param("=1", {"": "1"}, id="an empty key"),
        pytest.param("a=1\r\nb=2\rc=3", {"a": "1", "b": "2", "c": "3"}, id="all line ends"),
        pytest.param("a=1,\\\n   2,\\\r\n\t3", {"a": "1,2,3"}, id="continued lines"),
        pytest.param("a=1\\\\\nb=2", {"a": "1\\", "b": "2"}, id="an escaped backslash continues nothing"),
        pytest.param("a=1\\\n# 2", {"a": "1# 2"}, id="a continuation is no comment"),
        pytest.param("a=1\\", {"a": "1"}, id="continued by nothing"),
        pytest.param("a\\=b\\:c\\ d=1", {"a=b:c d": "1"}, id="escaped separators"),
        pytest.param("a=\\u00e9\\u0041\\t\\n\\q", {"a": "éA\t\nq"}, id="escapes"),
        pytest.param("a=\\ud83d\\ude00", {"a": "\U0001f600"}, id="two halves of one character"),
        pytest.param("a=1\na=2", {"a": "2"}, id="the last one counts"),
    ],
)
def test_the_format_is_read_as_java_reads_it(text: str, properties: dict[str, str]) -> None:
    assert parse_properties(text) == properties


def test_a_malformed_escape_is_refused_with_its_line() -> None:
    with pytest.raises(BadSettings, match=r"line 3 of the properties has '\\\\u00g1': use "):
        parse_properties("a=1\n\nb=\\u00g1")


def test_a_text_of_a_size_that_no_settings_have_is_refused() -> None:
    with pytest.raises(BadSettings, match="1000001 characters long"):
        parse_properties("x" * 1_000_001)


def java_escaped(text: str) -> str:
    return "".join(
        "".join(f"\\u{unit:04x}" for unit in memoryview(letter.encode("utf-16-le")).cast("H"))
        if letter in "\\=:#! \t\n\r\f" or letter > "~"
        else letter
        for letter in text
    )


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=10))
def test_whatever_is_written_is_read_again(properties: dict[str, str]) -> None:
    text = "\n".join(f"{java_escaped(key)} = {java_escaped(value)}" for key, value in properties.items())

    assert parse_properties(text) == properties


@given(st.text(alphabet="ab=: \\\n\r\tu0#!é", max_size=60))
def test_any_text_is_read_or_refused_for_its_escapes(text: str) -> None:
    refusal = ""
    try:
        parse_properties(text)
    except BadSettings as error:
        refusal = str(error)

    assert not refusal or (refusal.startswith("line ") and "\\u" in text)
