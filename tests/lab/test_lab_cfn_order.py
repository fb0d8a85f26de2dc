"""Resources are made after what they name and what they say they depend on."""

from __future__ import annotations

from typing import Any

import pytest

from lab.emulator.cloudformation.order import Circular, creation_order

PAGE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html"


def order(**resources: dict[str, Any]) -> list[str]:
    return creation_order(resources)


def test_depends_on_comes_first_as_a_name_or_a_list() -> None:
    assert order(Group={"DependsOn": ["Rule", "Role"]}, Rule={"DependsOn": "Role"}, Role={}) == ["Role", "Rule", "Group"]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"Ref": "B"}, id="Ref"),
        pytest.param({"Fn::GetAtt": ["B", "Arn"]}, id="GetAtt as a list"),
        pytest.param({"Fn::GetAtt": "B.Arn"}, id="GetAtt as a text"),
        pytest.param({"Fn::Sub": "arn:${B.Arn}/x"}, id="Sub of an attribute"),
        pytest.param({"Fn::Sub": ["${X}", {"X": {"Ref": "B"}}]}, id="Sub with names of its own"),
        pytest.param({"Fn::Join": ["", ["a", {"Ref": "B"}]]}, id="deep inside"),
    ],
)
def test_what_a_property_names_comes_first(value: Any) -> None:
    assert order(A={"Properties": {"P": value}}, B={}) == ["B", "A"]


def test_what_is_named_waits_for_its_own_dependencies() -> None:
    """moto makes what is named at once, before what that depends on."""
    assert order(A={"Properties": {"P": {"Ref": "B"}}}, B={"DependsOn": "C"}, C={}) == ["C", "B", "A"]


def test_a_literal_in_a_sub_names_nothing() -> None:
    assert order(A={"Properties": {"P": {"Fn::Sub": "${!B}"}}}, B={}) == ["A", "B"]


def test_parameters_and_pseudo_parameters_are_no_resources() -> None:
    assert order(A={"Properties": {"P": {"Fn::Sub": "${AWS::Region}"}, "Q": {"Ref": "Size"}}}) == ["A"]


def test_a_circle_is_refused_as_aws_refuses_it() -> None:
    with pytest.raises(Circular, match=r"Circular dependency between resources: \[.*A.*B.*\]"):
        order(A={"Properties": {"P": {"Ref": "B"}}}, B={"DependsOn": "A"})
