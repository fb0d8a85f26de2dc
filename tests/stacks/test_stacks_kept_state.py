"""State that is kept on S3: what a node may do with it, what the bucket takes away, and that others pay nothing for it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tests.stacks.conftest import Resource, Template, as_list
from tests.stacks.test_stacks_every_deployable import templates

__all__ = ["templates"]  # a fixture


def state_statements(template: Template) -> list[Resource]:
    return [statement for statement in template.statements() if "state/" in json.dumps(statement["Resource"])]


def state_rules(template: Template) -> list[Resource]:
    rules = template.only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    return [rule for rule in rules if rule.get("Prefix") == "state/"]


def test_a_node_gets_and_puts_its_own_state_and_can_neither_list_nor_delete(templates: Mapping[str, Template]) -> None:
    template = templates["understudy-kept"]
    [statement] = state_statements(template)

    assert statement in template.statements(template.node_role())
    assert as_list(statement["Action"]) == ["s3:GetObject", "s3:PutObject"]
    assert statement["Resource"]["Fn::Join"][1][-1] == "/state/kept/counter/*"


def test_what_a_save_replaced_goes_after_two_days_and_what_is_kept_never_does(templates: Mapping[str, Template]) -> None:
    """A rule that took objects by their age would take the state of a deployable that is paused for a month.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
    """
    rules = state_rules(templates["understudy-kept"])

    assert [rule["NoncurrentVersionExpiration"]["NoncurrentDays"] for rule in rules if "NoncurrentVersionExpiration" in rule] == [2]
    assert all(rule["ObjectSizeLessThan"] in (1, "1") for rule in rules if "ExpirationInDays" in rule)
    assert templates["understudy-kept"].only("AWS::S3::Bucket")["VersioningConfiguration"]["Status"] == "Enabled"


def test_who_keeps_nothing_on_s3_has_nothing_of_it_in_the_template(templates: Mapping[str, Template]) -> None:
    template = templates["understudy-demo"]

    assert not state_statements(template)
    assert not state_rules(template)
