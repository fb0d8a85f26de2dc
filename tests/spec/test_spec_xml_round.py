"""There and back: what is printed loads once it is filled in, and an XML that says everything is the same model itself."""

from __future__ import annotations

import re
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xml_files import CORPUS, EXAMPLE, OURS, converted, document

import spec
from spec import unbuilt
from spec.document import parse

FILLED = {"image: FILL-IN": "image: debian-12", "instances: [FILL-IN]": "instances: [t4g.small]", "keep: FILL-IN": "keep: none"}
FILLED["ports: [FILL-IN]"] = "ports: [8080]"


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_what_is_printed_is_refused_until_it_is_filled_in_and_loads_then(path: Path, tmp_path: Path) -> None:
    made = spec.convert(path)
    yaml = tmp_path / "made.yaml"
    yaml.write_text(made.text)

    with pytest.raises(spec.SpecError) as caught:
        spec.load(yaml)
    text = made.text
    for mark, value in FILLED.items():
        text = text.replace(mark, value)
    yaml.write_text(text)

    assert {problem.key.removesuffix("[0]") for problem in caught.value.problems} == {missing.key for missing in made.missing}
    assert len(made.missing) == len(re.findall(r"^[^#]*\bFILL-IN\b", made.text, re.MULTILINE))
    assert len(spec.load(yaml).assemblies) == len(made.data["assemblies"])


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_with_every_option_nothing_is_left_to_fill_in(path: Path, tmp_path: Path) -> None:
    names = re.findall(r'<assembly [^>]*?\bname="([^"]+)"', path.read_text(encoding="iso-8859-1"))
    choices = spec.Choices(image="debian-12", instances=("t4g.small",), keep="none", ports=dict.fromkeys(names, (8080,)))

    made = spec.convert(path, choices)
    (tmp_path / "made.yaml").write_text(made.text)

    assert made.missing == ()
    spec.load(tmp_path / "made.yaml")


def test_a_complete_xml_loads_by_itself_as_the_same_model_as_its_yaml(tmp_path: Path) -> None:
    (tmp_path / "made.yaml").write_text(spec.convert(EXAMPLE).text)

    assert spec.load(EXAMPLE) == spec.load(tmp_path / "made.yaml")


def test_what_is_said_of_a_complete_xml_is_said_when_it_is_loaded_too() -> None:
    told = spec.load_with_warnings(EXAMPLE).warnings

    assert set(spec.convert(EXAMPLE).notes) == set(told)
    assert any(warning.line == 8 and "failure 3 escalates" in warning.message for warning in told)


def test_an_xml_that_does_not_say_everything_is_refused_with_all_that_it_lacks_and_where_to_say_it(tmp_path: Path) -> None:
    (tmp_path / "d.xml").write_text(document(assembly=""))

    with pytest.raises(spec.SpecError) as caught:
        spec.load(tmp_path / "d.xml")

    keys = ["assemblies[0].image", "assemblies[0].instances", "assemblies[0].state.keep"]
    assert [(problem.key, problem.line) for problem in caught.value.problems] == [(key, 3) for key in keys]
    assert caught.value.problems[0].remedy == (
        'add image="debian-12" to this assembly, or make it YAML with `understudy convert` and fill it in there'
    )


def test_what_the_yaml_would_refuse_is_refused_in_the_xml_with_the_xmls_line(tmp_path: Path) -> None:
    text = document(assembly='\nimage="debian-12" instances="t4g.small m5.large" keep="none"')

    with pytest.raises(spec.SpecError) as caught:
        converted(tmp_path, text)

    [problem] = caught.value.problems
    assert (problem.key, problem.line) == ("assemblies[0].instances", 3)
    assert "mixes architectures" in problem.message


def test_what_is_not_built_yet_is_noted_and_left_to_whoever_deploys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = unbuilt.Unbuilt(("assemblies", "*", "image"), lambda value: value == "debian-12", "write another")
    monkeypatch.setattr(unbuilt, "UNBUILT", (image,))

    made = converted(tmp_path, document())

    assert [note.message for note in made.notes if note.key == "assemblies[0].image"] == ["is not built yet; write another"]
    assert made.data["assemblies"][0]["image"] == "debian-12"


def test_an_option_for_an_assembly_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(spec.SpecError, match="names no assembly; there are: a"):
        converted(tmp_path, document(), spec.Choices(ports={"b": (80,)}))


def test_what_the_file_says_comes_before_an_option(tmp_path: Path) -> None:
    made = converted(tmp_path, document(), spec.Choices(image="ami-0123", instances=("m5.large",)))

    assert made.data["assemblies"][0]["image"] == "debian-12"
    assert made.data["assemblies"][0]["instances"] == ["t4g.small"]


TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("#:'\"{}[]\u0085\u2028-&*!|>%@`")
)


@given(name=TEXTS.filter(lambda text: 0 < len(text.strip()) <= 128), value=TEXTS, escalation=TEXTS.map(lambda text: text[:64]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_xml_says_the_yaml_says_the_same_or_it_is_refused(name: str, value: str, escalation: str, tmp_path: Path) -> None:
    held = f'<paramaters><paramater name="p" value={quoteattr(value)}/></paramaters>'
    service = f'<service name={quoteattr(name)} type="t" class="ocf" escalation_failures={quoteattr(escalation)}>{held}</service>'

    try:
        made = converted(tmp_path, document(service, assembly=OURS))
    except spec.SpecError:
        return

    read = parse(made.text.encode())
    assert (read.data, read.problems) == (made.data, ())
