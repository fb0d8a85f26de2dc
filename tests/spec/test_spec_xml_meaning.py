"""What the XML means in our keys, and what is said where that differs from what it meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from xml_files import OURS, converted, document, problems, said

APP = "assemblies[0].applications[0]"


def only(folder: Path, service: str) -> dict[str, Any]:
    """The application that the one service becomes."""
    [application] = converted(folder, document(service)).data["assemblies"][0]["applications"]
    return dict(application)


# --- how it runs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "run"),
    [
        ('class="lsb" type="httpd"', {"lsb": "/etc/init.d/httpd"}),
        ('class="systemd" type="postgresql@16-main"', {"systemd": "postgresql@16-main.service"}),
        ('class="ocf" type="pgsql"', {"ocf": {"provider": "heartbeat", "type": "pgsql"}}),
        ('class="ocf" provider="me" type="pgsql"', {"ocf": {"provider": "me", "type": "pgsql"}}),
        ("", {"lsb": "/etc/init.d/web"}),
    ],
)
def test_a_class_and_a_type_say_how_it_runs_and_what_is_left_out_is_as_pcloudsh_has_it(
    attributes: str, run: dict[str, Any], tmp_path: Path
) -> None:
    assert only(tmp_path, f'<service name="web" {attributes}/>')["run"] == run


def test_what_is_taken_as_pcloudsh_has_it_is_said(tmp_path: Path) -> None:
    made = converted(tmp_path, document('<service name="web"/>'))

    assert said(made, f"{APP}.run") == [
        "the service has no type: its name is taken, web",
        "the service has no class: lsb, as pcloudsh has it",
    ]
    assert said(made, f"{APP}.monitor_every") == ["the service has no monitor_interval: 60s, as pcloudsh has it"]


@pytest.mark.parametrize(
    ("interval", "every"),
    [("10s", "10s"), ("65", "65s"), ("5 min", "5m"), ("1500ms", "1.5s"), ("1hr", "1h"), ("0", "1s"), ("20us", "1s"), ("2h", "1h")],
)
def test_the_interval_is_the_period_of_its_own_monitor_action(interval: str, every: str, tmp_path: Path) -> None:
    assert only(tmp_path, f'<service name="web" monitor_interval="{interval}"/>')["monitor_every"] == every


def test_an_interval_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    made = converted(tmp_path, document('<service name="web" monitor_interval="0"/>'))

    assert said(made, f"{APP}.monitor_every") == ['monitor_interval="0" was no monitoring after the start; here it is between 1s and 1h']


# --- escalation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "period", "tolerance"),
    [
        ("3", "10", {"failures": 2, "window": "10s"}),
        ("1", "3600", {"failures": 0, "window": "1h"}),
        (" +5", "60", {"failures": 4, "window": "1m"}),
        ("INFINITY", "INFINITY", "never"),
        ("3", "INFINITY", "never"),
        ("INFINITY", "10", "never"),
        ("0", "10", "never"),
        ("-1", "-1", "never"),
        ("3", "0", "never"),
        ("three", "10", "never"),
        ("", "10", "never"),
        (None, "10", "never"),
        ("3", None, "never"),
        (None, None, "never"),
        ("99999999999999999999", "10", "never"),
        ("3x", "10min", {"failures": 2, "window": "10s"}),
    ],
)
@pytest.mark.parametrize("of", ["service", "assembly"])
def test_the_nth_failure_escalates_so_one_less_is_absorbed_and_what_is_no_number_never_does(
    of: str, failures: str | None, period: str | None, tolerance: dict[str, Any] | str, tmp_path: Path
) -> None:
    given = {"escalation_failures": failures, "escalation_period": period}
    attributes = " ".join(f'{key}="{value}"' for key, value in given.items() if value is not None)
    text = document(
        f'<service name="web" {attributes if of == "service" else ""}/>', assembly=OURS if of == "service" else OURS + " " + attributes
    )

    assembly = converted(tmp_path, text).data["assemblies"][0]

    found = assembly["tolerance"] if of == "assembly" else assembly["applications"][0]["tolerance"]
    window = "1h" if of == "assembly" else "5m"
    assert found == ({"failures": "never", "window": window} if tolerance == "never" else tolerance)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        (
            'escalation_failures="3" escalation_period="10"',
            ['escalation_failures="3" means that failure 3 escalates: 2 before it absorbed'],
        ),
        ('escalation_failures="INFINITY" escalation_period="INFINITY"', []),
        ("", []),
        ('escalation_failures="3"', ["never escalates, as in the original: no escalation_period"]),
        ('escalation_failures="many" escalation_period="5"', ['never escalates, as in the original: escalation_failures="many"']),
    ],
)
def test_where_escalation_means_something_else_it_is_said(attributes: str, words: list[str], tmp_path: Path) -> None:
    made = converted(tmp_path, document(f'<service name="web" {attributes}/>'))

    assert said(made, f"{APP}.tolerance") == words


# --- parameters ----------------------------------------------------------------------------------------------------

VALUE = '<parameters><parameter name="p" type="scalar"><value>v</value></parameter></parameters>'


def test_parameters_of_a_resource_agent_are_its_own(tmp_path: Path) -> None:
    run = only(tmp_path, f'<service name="web" class="ocf" type="x">{VALUE}</service>')["run"]

    assert run == {"ocf": {"provider": "heartbeat", "type": "x", "parameters": {"p": "v"}}}


def test_an_init_script_finds_its_parameters_in_its_environment_and_that_is_said(tmp_path: Path) -> None:
    made = converted(tmp_path, document(f'<service name="web" class="lsb">{VALUE}</service>'))

    assert made.data["assemblies"][0]["applications"][0]["environment"] == {"p": "v"}
    assert said(made, f"{APP}.environment") == [
        "in the original an init script is not handed its parameters; here it finds them in its environment"
    ]


def test_what_a_unit_cannot_be_handed_is_said_with_its_value(tmp_path: Path) -> None:
    made = converted(tmp_path, document(f'<service name="web" class="systemd">{VALUE}</service>'))

    assert made.data["assemblies"][0]["applications"][0]["run"] == {"systemd": "web.service"}
    assert "parameter p (v) is not handed over: a unit says its environment itself" in said(made, f"{APP}.run")


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ('<paramaters><paramater name="p" value="v"/></paramaters>', "a <paramater>, as pcloudsh spells it, is lost in the original"),
        ('<paramaters><paramater name="p"><value>v</value></paramater></paramaters>', "a <paramater>, as pcloudsh spells it, is lost"),
        ('<parameters><parameter name="p" value="v"/></parameters>', "a value attribute of a <parameter> is lost in the original"),
    ],
)
def test_parameters_that_the_original_loses_are_read_and_that_is_said(held: str, words: str, tmp_path: Path) -> None:
    made = converted(tmp_path, document(f'<service name="web" class="ocf" type="x">{held}</service>'))

    assert made.data["assemblies"][0]["applications"][0]["run"]["ocf"]["parameters"] == {"p": "v"}
    assert any(words in text for text in said(made, f"{APP}.run"))


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ('<parameters><parameter name="p"/></parameters>', "has a parameter that says nothing: p"),
        ('<parameters><parameter name="p" value="1"><value>2</value></parameter></parameters>', "says two things: p"),
        (f'{VALUE}<paramaters><paramater name="p" value="v"/></paramaters>', "has the parameter p twice"),
        (
            '<parameters><parameter name="p"><reference assembly="z" parameter="hostname"/></parameter></parameters>',
            "refers to no assembly",
        ),
        ('<parameters><parameter name="CRM_meta_x" value="v"/></parameters>', "is not a parameter's name"),
        ('<parameters><parameter name="p"><value>two\nlines</value></parameter></parameters>', "control characters"),
    ],
)
def test_parameters_that_cannot_be_handed_over_are_refused_with_their_line(held: str, words: str, tmp_path: Path) -> None:
    [problem] = problems(tmp_path, document('<service name="web" class="ocf" type="x">', held, "</service>"))

    assert words in problem.message
    assert problem.line == 5


def test_a_program_that_configures_runs_before_its_service_by_the_agent_that_ran_it_in_the_original(tmp_path: Path) -> None:
    service = f'<service name="web" type="httpd"><configure_executable url="http://h/c.sh"/>{VALUE}</service>'
    made = converted(tmp_path, document(service))

    first, then = made.data["assemblies"][0]["applications"]
    parameters = {"executable_url": "http://h/c.sh", "p": "v"}
    assert first["run"] == {"ocf": {"provider": "pacemaker-cloud", "type": "script_runner", "parameters": parameters}}
    assert (first["name"], then["after"]) == ("web-configure", ["web-configure"])
    assert any("no way out to the Internet" in text for text in said(made, f"{APP}.run"))


# --- references between assemblies ---------------------------------------------------------------------------------

REFERENCE = '<parameter name="p"><reference assembly="{}" parameter="{}"/></parameter>'
REFERRING = f'<service name="web" class="ocf" type="x"><parameters>{REFERENCE}</parameters></service>'
OTHER = f'<assembly name="DB 1" {OURS} ports="5432"><services><service name="pg"/></services></assembly>\n'


@pytest.mark.parametrize("what", ["ipaddress", "hostname"])
def test_a_reference_is_a_name_in_the_hosts_file_for_the_others_fixed_address_which_it_may_talk_to(what: str, tmp_path: Path) -> None:
    text = document(REFERRING.format("DB 1", what), assembly=f'{OURS} ports="80"', more=OTHER)
    made = converted(tmp_path, text)

    web, db = made.data["assemblies"]
    assert web["host_names"] == [{"name": "db-1.d.internal", "resolves": "front", "of": "db-1"}]
    assert web["reaches"] == ["db-1"]
    assert web["applications"][0]["run"]["ocf"]["parameters"] == {"p": "db-1.d.internal"}
    assert db["front"] == {"kind": "elastic_ip", "ports": [5432]}
    assert any("told when it came up; now a name in the hosts file" in text for text in said(made, f"{APP}.run"))


def test_a_reference_to_its_own_assembly_is_the_nodes_address(tmp_path: Path) -> None:
    assembly = converted(tmp_path, document(REFERRING.format("a", "ipaddress"), assembly=f'{OURS} ports="80"')).data["assemblies"][0]

    assert assembly["host_names"] == [{"name": "a.d.internal", "resolves": "node"}]
    assert "reaches" not in assembly


def test_both_ends_of_a_reference_get_a_fixed_address_whose_ports_are_to_be_filled_in(tmp_path: Path) -> None:
    made = converted(tmp_path, document(REFERRING.format("DB 1", "hostname"), more=OTHER.replace(' ports="5432"', "")))

    assert [assembly["front"]["ports"] for assembly in made.data["assemblies"]] == [["FILL-IN"], ["FILL-IN"]]
    assert [missing.key for missing in made.missing] == ["assemblies[0].front.ports", "assemblies[1].front.ports"]


# --- order ---------------------------------------------------------------------------------------------------------

TWO = ('<service name="x"/>', '<service name="y"><configure_executable url="u"/></service>')


def order(first: str, then: str) -> str:
    return f'<service_dependancy id="1" first="{first}" then="{then}"/>'


@pytest.mark.parametrize(
    ("first", "then", "after"),
    [
        ("rsc_a_x", "rsc_a_y", [None, None, ["y-configure", "x"]]),
        ("rsc_a_y", "rsc_a_x", [["y"], None, ["y-configure"]]),
        ("rsc_a_x", "cfg_a_y", [None, ["x"], ["y-configure"]]),
        ("cfg_a_y", "rsc_a_x", [["y-configure"], None, ["y-configure"]]),
        ("x", "y", [None, None, ["y-configure", "x"]]),
    ],
)
def test_a_constraint_within_an_assembly_is_the_order_of_its_applications(
    first: str, then: str, after: list[list[str] | None], tmp_path: Path
) -> None:
    applications = converted(tmp_path, document(*TWO, constraints=order(first, then))).data["assemblies"][0]["applications"]

    assert [application.get("after") for application in applications] == after


def test_a_constraint_between_assemblies_is_their_order_and_that_is_said(tmp_path: Path) -> None:
    made = converted(tmp_path, document(more=OTHER, constraints=order("rsc_DB 1_pg", "rsc_a_web")))

    assert made.data["assemblies"][0]["after"] == ["db-1"]
    assert said(made, "assemblies[0].after") == ["all of a waits for all of db-1: in the original only web waited, for pg"]


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        (order("rsc_a_z", "rsc_a_x"), "names no service as first"),
        (order("rsc_a_x", "rsc_b_x"), "names no service as then"),
        (order("rsc_a_x", "rsc_a_y") + order("rsc_a_y", "rsc_a_x"), "makes a circle"),
    ],
)
def test_an_order_that_cannot_be_is_refused(constraints: str, words: str, tmp_path: Path) -> None:
    [problem] = problems(tmp_path, document(*TWO, constraints=constraints))

    assert words in problem.message


# --- names, and what is not used -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ("web", "web"),
        ("Web_Server 1", "web-server-1"),
        ("1st", "x-1st"),
        ("é", "x"),
        ("a" * 40, "a" * 32),
        ("--", "x"),
        ("a" * 31 + "-b", "a" * 31),
    ],
)
def test_names_become_ours_and_a_change_is_said(given: str, ours: str, tmp_path: Path) -> None:
    made = converted(tmp_path, document(f'<service name="{given}" type="t"/>'))

    assert made.data["assemblies"][0]["applications"][0]["name"] == ours
    assert bool(said(made, f"{APP}.name")) == (given != ours)


def test_names_that_would_become_one_stay_apart(tmp_path: Path) -> None:
    services = [f'<service name="{name}" type="t"/>' for name in ("a_b", "a-b", "A B")]

    applications = converted(tmp_path, document(*services)).data["assemblies"][0]["applications"]

    assert [application["name"] for application in applications] == ["a-b", "a-b-2", "a-b-3"]


def test_every_attribute_that_is_not_used_is_named(tmp_path: Path) -> None:
    text = document('<service name="web" class="lsb" provider="me"/>').replace('name="d"', 'name="d" uuid="1" monitor="ssh" username="me"')

    told = " ".join(said(converted(tmp_path, text), "deployable"))

    assert all(
        word in told
        for word in ("uuids are not used", "monitor is not used", "username is not used", "provider is heeded for class ocf only")
    )
