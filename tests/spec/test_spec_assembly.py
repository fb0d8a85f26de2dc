"""An assembly's names in the hosts file, what it depends on, and its HTTP port."""

from __future__ import annotations

import pytest
from spec_files import AssemblyOf, ProblemsOf

from core.model import HostName, Http, Resolves

FRONT = "{kind: elastic_ip, ports: [8080]}"


def test_host_names_mean_the_node_the_front_or_an_address(assembly_of: AssemblyOf) -> None:
    assembly = assembly_of(
        front=FRONT, assembly="host_names: [{name: platform}, {name: front.example.net, resolves: front}, {name: db, resolves: 10.20.0.5}]"
    )

    assert assembly.host_names == (
        HostName(name="platform"),
        HostName(name="front.example.net", resolves=Resolves.FRONT),
        HostName(name="db", resolves=Resolves.ADDRESS, address="10.20.0.5"),
    )


def test_what_it_depends_on_may_have_a_command(assembly_of: AssemblyOf) -> None:
    assembly = assembly_of(assembly="depends_on: [db.example.net]\n    on_address_change: [/opt/l/reconnect, --now]")

    assert assembly.depends_on == ("db.example.net",)
    assert assembly.on_address_change == ("/opt/l/reconnect", "--now")


def test_the_http_port_may_have_tls_and_a_token(assembly_of: AssemblyOf) -> None:
    assembly = assembly_of(assembly="http: {certificate: /etc/l/tls.pem, key: /etc/l/tls.key, token_file: /etc/l/token}")

    assert assembly.http == Http(certificate="/etc/l/tls.pem", key="/etc/l/tls.key", token_file="/etc/l/token")


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("host_names: [{name: a_b}]", "host_names[0].name", "not a host name"),
        ("host_names: [{name: -a}]", "host_names[0].name", "not a host name"),
        ("host_names: [{name: a..b}]", "host_names[0].name", "not a host name"),
        ("host_names: [{name: 10.0.0.1}]", "host_names[0].name", "not a host name"),
        ("host_names: [{name: a.1}]", "host_names[0].name", "not a host name"),
        (f"host_names: [{{name: {'a' * 64}}}]", "host_names[0].name", "not a host name"),
        (f"host_names: [{{name: {'.'.join(['a' * 60] * 5)}}}]", "host_names[0].name", "not a host name"),
        ("host_names: [{name: localhost}]", "host_names[0].name", "RFC 6761"),
        ("host_names: [{name: a}, {name: A}]", "host_names[1].name", "given twice"),
        ("host_names: [{name: a, resolves: here}]", "host_names[0].resolves", "write node, front, or an address"),
        ("host_names: [{name: a, resolves: '::1'}]", "host_names[0].resolves", "IPv4"),
        ("host_names: [{name: a, resolves: 0.0.0.0}]", "host_names[0].resolves", "no address of one machine"),
        ("host_names: [{name: a, resolves: 224.0.0.1}]", "host_names[0].resolves", "no address of one machine"),
        ("host_names: [{name: a, resolves: front}]", "host_names[0].resolves", "add a front"),
        ("depends_on: ['a b']", "depends_on[0]", "not a host name"),
        ("on_address_change: [/bin/x]", "on_address_change", "depends_on"),
        ("http: {certificate: /a}", "http", "certificate and key, or neither"),
        ("http: {token_file: token}", "http.token_file", "absolute path"),
    ],
)
def test_a_wrong_value_is_one_problem_at_its_key(text: str, key: str, words: str, problems_of: ProblemsOf) -> None:
    [problem] = problems_of(assembly=text)

    assert problem.key == f"assemblies[0].{key}"
    assert problem.line == 8
    assert words in f"{problem.message}; {problem.remedy}"


@pytest.mark.parametrize("name", ["a", "a.b", "3com.example", "A-1.example.NET", "a" * 63])
def test_a_host_name_is_one_by_rfc_1123(name: str, assembly_of: AssemblyOf) -> None:
    assert assembly_of(assembly=f"host_names: [{{name: {name}}}]").host_names[0].name == name


def test_two_applications_do_not_write_one_file(problems_of: ProblemsOf) -> None:
    [problem] = problems_of("output: {file: /var/log/l.log}\n      - {name: other, run: {exec: [/bin/o]}, output: {file: /var/log/l.log}}")

    assert (problem.key, problem.message) == ("assemblies[0].applications[1].output.file", "is used twice")
