"""The XML layer: what a reader of XML can be made to do, and what the schema that ships refuses, with lines and remedies."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from xml_files import SERVICE, document, problems
from xmlschema import XMLSchema10

from spec.document import BYTES_MAX

BOMB = (
    b'<?xml version="1.0"?>\n<!DOCTYPE deployable [\n<!ENTITY a "aaaaaaaaaa">\n'
    + b"\n".join(b'<!ENTITY a%d "%s">' % (n, (b"&a%d;" % (n - 1) if n > 1 else b"&a;") * 10) for n in range(1, 12))
    + b'\n]>\n<deployable name="&a11;"/>'
)
AT = "deployable/assemblies/assembly/services/service"


@pytest.mark.parametrize(
    ("raw", "line", "words"),
    [
        pytest.param(BOMB, 3, "an XML bomb", id="billion laughs"),
        pytest.param(b'<!DOCTYPE d [<!ENTITY x "y">]><deployable name="&x;"/>', 1, "declares the entity x", id="one entity"),
        pytest.param(
            b'<!DOCTYPE d [\n<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>', 2, "from file:///etc/passwd", id="external entity"
        ),
        pytest.param(b'<!DOCTYPE d [<!ENTITY % x SYSTEM "http://a/b"> %x;]><d/>', 1, "from http://a/b", id="parameter entity"),
        pytest.param(b'<!DOCTYPE d SYSTEM "http://a/b.dtd"><d/>', 1, "<!DOCTYPE", id="external type"),
        pytest.param(b"<!DOCTYPE d><d/>", 1, "<!DOCTYPE", id="type"),
        pytest.param(b'<!DOCTYPE d [<!ATTLIST d x CDATA "y">]><d/>', 1, "<!DOCTYPE", id="type with attributes"),
        pytest.param(b"<a>" * 50, 1, "nested", id="deep"),
        pytest.param(b"<a>" + b"<b/>" * 30_000, 1, "elements", id="many"),
        pytest.param(b"<a>" + b" " * BYTES_MAX, None, "bytes long", id="long"),
        pytest.param(b"", None, "empty", id="empty"),
        pytest.param(b"<a>\n<b></a>", 2, "not XML", id="unbalanced"),
        pytest.param(b"<a>&nothing;</a>", 1, "undefined entity", id="unknown entity"),
        pytest.param(b"deployable: x", 1, "not XML", id="YAML"),
        pytest.param(b"<a>\xff</a>", 1, "not XML", id="not UTF-8"),
        pytest.param(b'<?xml version="1.0" encoding="klingon"?><a/>', None, "not XML", id="unknown encoding"),
        pytest.param(b'<?xml version="1.0" encoding="shift_jis"?><a/>', None, "not XML", id="encoding of many bytes"),
    ],
)
def test_what_could_hurt_or_is_no_xml_is_refused_with_its_line(raw: bytes, line: int | None, words: str, tmp_path: Path) -> None:
    [problem] = problems(tmp_path, raw)

    assert problem.line == line
    assert words in problem.message
    assert problem.remedy


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    began_s = time.process_time()

    problems(tmp_path, BOMB)

    assert time.process_time() - began_s < 5.0


def test_a_file_that_is_all_errors_is_told_soon_enough(tmp_path: Path) -> None:
    many = '<deployable name="d"><assemblies>' + '<assembly c="1"/>' * 10_000 + "</assemblies></deployable>"

    assert len(problems(tmp_path, many)) == 50


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("<application/>", "application", "is no deployable; begin with <deployable"),
        ('<deployable xmlns="urn:x" name="d"/>', "{urn:x}deployable", "is no deployable"),
        ('<deployable name="d"/>', "deployable", "lacks <assemblies>; add it"),
        (document("<program/>"), f"{AT.removesuffix('/service')}/program", "is no element of this place; there are: service"),
        (document('<service class="lsb"/>'), f"{AT}/@name", "is missing; add it: the service's name"),
        (document('<service name="x" clas="lsb"/>'), f"{AT}/@clas", "is no attribute of this element; did you mean class?"),
        (document('<service name="x" class="windows"/>'), f"{AT}/@class", "is none of lsb, ocf, systemd; how it is started"),
        (document('<service name="x" type="../sh"/>'), f"{AT}/@type", "is not what it may be; the init script"),
        (document('<service name="x" monitor_interval="soon"/>'), f"{AT}/@monitor_interval", "such as 10s"),
        (document('<service name="x"><parameters/><parameters/></service>'), f"{AT}/parameters", "is here once too often"),
        (document('<service name="x">text</service>'), AT, "has text between its elements"),
        (document(SERVICE, SERVICE), f"{AT}[2]/@name", "is used twice; give each its own name"),
        (
            document(more=document()[document().index("<assembly ") : document().index("</assemblies")]),
            "assembly[2]/@name",
            "is used twice",
        ),
        (document(assembly="ports='http'"), "assembly/@ports", 'such as "80 443"'),
        (document(constraints='<service_dependancy id="1" then="rsc_a_web"/>'), "service_dependancy/@first", "rsc_ASSEMBLY_SERVICE"),
        (document(constraints='<service_dependency first="a" then="b"/>'), "service_dependency", "did you mean service_dependancy?"),
    ],
)
def test_what_the_schema_refuses_is_told_by_place_value_and_remedy(text: str, key: str, words: str, tmp_path: Path) -> None:
    found = next(problem for problem in problems(tmp_path, text) if problem.key.endswith(key))

    assert words in f"{found.message}; {found.remedy}"
    assert found.line is not None


def test_an_error_names_its_line_and_value(tmp_path: Path) -> None:
    [problem] = problems(tmp_path, document(SERVICE, '<service name="x"\n class="windows"/>'))

    assert (problem.line, problem.value) == (5, '"windows"')


def test_every_error_is_told_at_once(tmp_path: Path) -> None:
    told = problems(tmp_path, document('<service name="x" class="windows" type="/"/>', "<program/>"))

    assert [problem.key.rpartition("/")[2] for problem in told] == ["@class", "@type", "program"]


def test_the_schema_is_xsd_1_0_explains_each_attribute_and_reads_no_other_file() -> None:
    schema = XMLSchema10("spec/xml/deployable.xsd" if Path("spec").is_dir() else str(Path(__file__).parents[2] / "spec/xml/deployable.xsd"))

    attributes = [part for part in schema.iter_components() if type(part).__name__ == "XsdAttribute"]
    assert attributes
    assert [part.name for part in attributes if part.annotation is None] == []
    assert not schema.includes
    assert not schema.imports


def test_a_document_that_points_to_another_schema_makes_nobody_look_there(tmp_path: Path) -> None:
    where = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="file:///nowhere/x.xsd"'
    text = document('<service name="x" class="windows"/>').replace('<deployable name="d"', f'<deployable name="d" {where}')

    [problem] = problems(tmp_path, text)

    assert problem.key == f"{AT}/@class"
