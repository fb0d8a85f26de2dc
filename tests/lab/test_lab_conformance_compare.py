"""When is what reads back the same as what was wanted?"""

from __future__ import annotations

from typing import Any

import pytest

from lab.conformance.compare import differences
from lab.conformance.resolve import Resolver, Unresolvable


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        pytest.param({"Period": "10"}, {"Period": 10}, id="a number as a text"),
        pytest.param({"Threshold": 1}, {"Threshold": 1.0}, id="a whole number as a float"),
        pytest.param({"RawMessageDelivery": True}, {"RawMessageDelivery": "true"}, id="a truth value as a text"),
        pytest.param({"A": 1}, {"A": 1, "Default": 2}, id="more than was asked for: defaults"),
        pytest.param({"Policy": {"Version": "1"}}, {"Policy": '{"Version": "1"}'}, id="a document as a text"),
        pytest.param({"Zones": ["a", "b"]}, {"Zones": ["b", "a"]}, id="a list in another order"),
        pytest.param({"Tags": [{"Key": "a"}]}, {"Tags": [{"Key": "aws:x"}, {"Key": "a"}]}, id="tags that AWS adds"),
    ],
)
def test_the_same(wanted: Any, got: Any) -> None:
    assert list(differences(wanted, got)) == []


@pytest.mark.parametrize(
    ("wanted", "got", "path"),
    [
        pytest.param({"Period": 10}, {"Period": 60}, "Period", id="another value"),
        pytest.param({"Period": 10}, {}, "Period", id="a dropped property"),
        pytest.param({"A": {"B": {"C": 1}}}, {"A": {"B": {}}}, "A.B.C", id="a dropped property deep inside"),
        pytest.param({"Flag": False}, {"Flag": True}, "Flag", id="a truth value turned round"),
        pytest.param({"Flag": True}, {"Flag": 1}, "Flag", id="a number is no truth value"),
        pytest.param({"Hooks": [{"Name": "admit"}]}, {"Hooks": []}, "Hooks[0]", id="an item that is not there"),
        pytest.param({"Rules": [{"Port": 80}]}, {"Rules": [{"Port": 80}, {"Port": 22}]}, "Rules", id="an item too many"),
        pytest.param({"Rules": [{"Port": 80}]}, {"Rules": [{"Port": 81}]}, "Rules[0].Port", id="one item, otherwise"),
        pytest.param({"Rules": ["a", "a"]}, {"Rules": ["a", "b"]}, "Rules[1]", id="a double is no stand-in"),
        pytest.param({"Policy": {"Version": "1"}}, {"Policy": "no document"}, "Policy", id="a text where a document should be"),
    ],
)
def test_otherwise(wanted: Any, got: Any, path: str) -> None:
    assert [difference.path for difference in differences(wanted, got)][:1] == [path]


def resolver() -> Resolver:
    refs = {"Queue": "url", "Size": "t4g.small"}
    attributes = {("Queue", "Arn"): "arn:queue"}
    return Resolver(refs.__getitem__, lambda *key: attributes[key], {"Mappings": {"M": {"a": {"b": "c"}}}}, stack="demo")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"Ref": "Queue"}, "url", id="Ref"),
        pytest.param({"Ref": "AWS::Region"}, "us-east-1", id="a pseudo parameter"),
        pytest.param({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:queue", id="GetAtt"),
        pytest.param({"Fn::Join": ["-", ["a", {"Ref": "Size"}]]}, "a-t4g.small", id="Join"),
        pytest.param({"Fn::Sub": "${Queue.Arn}/${AWS::StackName}/${!kept}"}, "arn:queue/demo/${kept}", id="Sub"),
        pytest.param({"Fn::Sub": ["${x}", {"x": {"Ref": "Queue"}}]}, "url", id="Sub with names of its own"),
        pytest.param({"Fn::Select": ["1", {"Fn::Split": [",", "a,b"]}]}, "b", id="Select of Split"),
        pytest.param({"Fn::Base64": "hi"}, "aGk=", id="Base64"),
        pytest.param({"Fn::FindInMap": ["M", "a", "b"]}, "c", id="FindInMap"),
        pytest.param({"A": {"Ref": "AWS::NoValue"}, "B": 1}, {"B": 1}, id="no value drops the key"),
    ],
)
def test_functions_of_a_template(value: Any, expected: Any) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html"""
    assert resolver().resolve(value) == expected


def test_a_function_that_is_not_known_is_an_error() -> None:
    with pytest.raises(Unresolvable, match="Fn::Cidr"):
        resolver().resolve({"Fn::Cidr": ["10.0.0.0/16", 2]})
