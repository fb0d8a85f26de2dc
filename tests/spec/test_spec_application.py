"""An application's keys: what they become, and how their errors are told."""

from __future__ import annotations

import pytest
from spec_files import Of, ProblemsOf, Read

from core.application import HaPort, Limits, OcfAgent, Output, Run

HERE = "assemblies[0].applications[0]"


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("{exec: [/bin/ledger, --port, '1']}", Run(exec=("/bin/ledger", "--port", "1"))),
        ("{systemd: postgresql@16-main.service}", Run(systemd="postgresql@16-main.service")),
        ("{lsb: /etc/init.d/tomcat}", Run(lsb="/etc/init.d/tomcat")),
        ("{ocf: {type: pgsql}}", Run(ocf=OcfAgent(provider="heartbeat", type="pgsql"))),
        (
            "{ocf: {provider: acme, type: x, parameters: {port: '80', b: ''}, check_level: 10, root: /opt/ocf}}",
            Run(ocf=OcfAgent(provider="acme", type="x", parameters=(("b", ""), ("port", "80")), check_level=10, root="/opt/ocf")),
        ),
    ],
)
def test_an_application_is_a_program_a_unit_a_resource_agent_or_an_init_script(text: str, run: Run, of: Of) -> None:
    assert of(run=text).run == run


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("{}", "run", "says nothing"),
        ("{exec: [/bin/a], lsb: /etc/init.d/a}", "run", "says exec and lsb"),
        ("{exec: [run-me]}", "run.exec", "not an absolute path"),
        ("{lsb: tomcat}", "run.lsb", "absolute path"),
        ("{systemd: ledger}", "run.systemd", "such as postgresql.service"),
        ("{systemd: ledger.timer}", "run.systemd", "not the name of a service unit"),
        ("{systemd: 'led ger.service'}", "run.systemd", "not the name of a service unit"),
        ("{systemd: ../x.service}", "run.systemd", "not the name of a service unit"),
        ("{systemd: ledger@.service}", "run.systemd", "is a template"),
        ("{systemd: understudy-agent.service}", "run.systemd", "is a unit of the agent's"),
        ("{ocf: {}}", "run.ocf.type", "missing"),
        ("{ocf: {type: ../../bin/sh}}", "run.ocf.type", "not a name of a resource agent"),
        ("{ocf: {provider: .isolation, type: x}}", "run.ocf.provider", "not a name of a resource agent"),
        ("{ocf: {type: x, check_level: 5}}", "run.ocf.check_level", "0, 10 or 20"),
        ("{ocf: {type: x, parameters: {port: 80}}}", "run.ocf.parameters.port", "put numbers and yes/no in quotes"),
        ("{ocf: {type: x, parameters: {CRM_meta_timeout: '1'}}}", "run.ocf.parameters.CRM_meta_timeout", "not a parameter's name"),
    ],
)
def test_a_run_that_cannot_be_is_one_problem_at_its_key(text: str, key: str, words: str, problems_of: ProblemsOf) -> None:
    [problem] = problems_of(run=text)

    assert problem.key == f"{HERE}.{key}"
    assert problem.line == 11
    assert words in f"{problem.message}; {problem.remedy}"


@pytest.mark.parametrize(
    ("run", "text", "key"),
    [
        ("{systemd: a.service}", "user: ledger", "user"),
        ("{systemd: a.service}", "directory: /srv", "directory"),
        ("{systemd: a.service}", "environment: {A: b}", "environment"),
        ("{systemd: a.service}", "limits: {memory: 1G}", "limits"),
        ("{systemd: a.service}", "output: {file: /var/log/a}", "output"),
        ("{ocf: {type: a}}", "user: ledger", "user"),
        ("{lsb: /etc/init.d/a}", "user: ledger", "user"),
        ("{exec: [/bin/a]}", "drain_timeout: 5s", "drain_timeout"),
    ],
)
def test_a_key_that_would_be_read_and_not_heeded_is_refused(run: str, text: str, key: str, problems_of: ProblemsOf) -> None:
    [problem] = problems_of(text, run=run)

    assert problem.key == f"{HERE}.{key}"
    assert problem.line == 12
    assert "leave it out" in problem.remedy


@pytest.mark.parametrize("run", ["{ocf: {type: a}}", "{lsb: /etc/init.d/a}"])
def test_what_a_script_starts_may_be_limited_and_told_where_it_is(run: str, of: Of) -> None:
    """tests/agent/test_agent_runs_settings.py has each of them hold."""
    application = of("limits: {open_files: 4096, memory: 1G}\n        directory: /srv\n        environment: {A: b}", run=run)

    assert application.limits == Limits(open_files=4096, memory_bytes=1 << 30)
    assert (application.directory, application.environment) == ("/srv", (("A", "b"),))


@pytest.mark.parametrize(("text", "every_s"), [("", 10.0), ("monitor_every: 65s", 65.0)])
def test_how_often_its_own_monitor_action_is_asked_may_be_said(text: str, every_s: float, of: Of) -> None:
    assert of(text, run="{systemd: web.service}").monitor_every_s == every_s


def test_a_program_without_a_monitor_action_cannot_say_how_often_it_is_asked(problems_of: ProblemsOf) -> None:
    [problem] = problems_of("monitor_every: 65s")

    assert "a program that is run by exec has no monitor action" in problem.message


def test_limits_user_and_output_become_the_models(of: Of) -> None:
    application = of(
        "{user: _ledger-1, limits: {open_files: 4096, memory: 1.5G, processes: 200}, output: {file: /var/log/l.log, size: 1M, keep: 0}}"[
            1:-1
        ]
        .replace(", limits", "\n        limits")
        .replace(", output", "\n        output")
    )

    assert application.user == "_ledger-1"
    assert application.limits == Limits(open_files=4096, memory_bytes=3 << 29, processes=200)
    assert application.output == Output(file="/var/log/l.log", bytes_max=1 << 20, kept=0)


def test_what_is_left_out_is_the_models_own_default(of: Of) -> None:
    application = of()

    assert (application.user, application.limits, application.output, application.ha) == (None, Limits(), Output(), None)
    assert (application.busy_budget_s, application.drain, application.drain_timeout_s) == (600.0, None, 10.0)
    assert (application.thresholds, application.counters) == ((), None)


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("user: Ledger", "user", "not a user's name"),
        ("user: 'a b'", "user", "not a user's name"),
        ("user: '1000'", "user", "not a user's name"),
        ("limits: {memory: 1073741824}", "limits.memory", "K is 1024 bytes"),
        ("limits: {memory: 1GB}", "limits.memory", "not a size"),
        ("limits: {memory: 1K}", "limits.memory", "between 4M and 64T"),
        ("limits: {open_files: 2}", "limits.open_files", "greater than or equal to 16"),
        ("limits: {open_files: 2000000}", "limits.open_files", "less than or equal to 1048576"),
        ("limits: {processes: 0}", "limits.processes", "greater than or equal to 1"),
        ("output: {size: 1M}", "output.file", "missing"),
        ("output: {file: log}", "output.file", "absolute path"),
        ("busy_budget: 10", "busy_budget", "not a duration"),
        ("drain: [drain]", "drain", "not an absolute path"),
        ("drain: /bin/drain", "drain", "list"),
    ],
)
def test_a_wrong_value_is_one_problem_at_its_key(text: str, key: str, words: str, problems_of: ProblemsOf) -> None:
    [problem] = problems_of(text)

    assert problem.key == f"{HERE}.{key}"
    assert problem.line == 12
    assert words in f"{problem.message}; {problem.remedy}"


def test_an_ha_port_is_a_number_or_says_where_it_listens_and_logs(of: Of) -> None:
    assert of("ha_port: 7811").ha == HaPort(port=7811)
    assert of("ha: {port: 7811, host: 0.0.0.0, log: /var/log/ha}").ha == HaPort(port=7811, host="0.0.0.0", log_folder="/var/log/ha")


def test_an_ha_port_that_is_given_in_two_forms_is_refused(problems_of: ProblemsOf) -> None:
    [problem] = problems_of("ha_port: 7811\n        ha: {port: 7812}")

    assert (problem.key, problem.message) == (f"{HERE}.ha", "says again what ha_port says")


@pytest.mark.parametrize(
    "text",
    ["ha_port: 7810", "ha: {port: 7810}", "ha_properties: {mz.ha.enabled: 'true', mz.ha.port: '7810'}"],
    ids=["port", "ha", "properties"],
)
def test_an_ha_port_in_any_form_is_not_the_nodes(text: str, problems_of: ProblemsOf) -> None:
    [problem] = problems_of(text)

    assert "is the node's HA port already" in problem.message


def test_the_seeds_properties_give_port_and_counters_and_their_warning_reaches_the_reader(read: Read) -> None:
    found = read(
        application="ha_properties: {mz.ha.enabled: 'true', mz.ha.port: '7811', mz.ha.interval: '20', mz.ha.min_consumes: '3', other: x}"
    )

    application = found.deployable.assemblies[0].applications[0]
    assert application.ha == HaPort(port=7811)
    assert application.counters is not None
    assert application.counters.interval_s == 40
    [warning] = found.warnings
    assert (warning.key, warning.line) == (f"{HERE}.ha_properties", 12)
    assert "mz.ha.interval is 20: raised to 40 seconds" in str(warning)


def test_the_seeds_properties_may_be_the_text_of_their_file(of: Of) -> None:
    application = of("ha_properties: |\n          # HA\n          mz.ha.enabled = true\n          mz.ha.port : 7811\n")

    assert application.ha == HaPort(port=7811)


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("{mz.ha.enabled: maybe}", "ha_properties.mz.ha.enabled", "use true or false"),
        ("{mz.ha.enabled: 'true'}", "ha_properties", "mandatory"),
        ("{mz.ha.min_abort: '1'}", "ha_properties.mz.ha.min_abort", "there is no such property"),
        ("{mz.ha.enabled: true}", "ha_properties.mz.ha.enabled", "string"),
        ('"mz.ha.enabled=\\\\u12"', "ha_properties", "four hexadecimal digits"),
        ("7", "ha_properties", "dictionary"),
        ("/etc/mz/ha.properties", "ha_properties", "put the file's text here"),
    ],
)
def test_a_property_that_is_wrong_is_told_at_its_place(text: str, key: str, words: str, problems_of: ProblemsOf) -> None:
    problem = problems_of(f"ha_properties: {text}")[0]

    assert problem.key == f"{HERE}.{key}"
    assert problem.line == 12
    assert words in f"{problem.message}; {problem.remedy}"


def test_properties_and_counters_together_are_refused(problems_of: ProblemsOf) -> None:
    [problem] = problems_of("counters: {rules: [{name: a, at_least: 1}]}\n        ha_properties: {mz.ha.enabled: 'false'}")

    assert (problem.key, problem.line) == (f"{HERE}.counters", 12)
