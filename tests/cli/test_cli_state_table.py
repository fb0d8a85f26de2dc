"""How the commands read and write AWS, against moto's: what stands in for it in the other tests must not lie."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from cli import state_table
from cli.people import addresses
from cli.programs import Trouble
from cli.state_table import Asked, Aws, Place, Refused, Table, WroteFirst, find
from core.recovery.intents import Kind, asked, intent_item

NOW = 1_800_000_000_000
TEMPLATE = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"Table": {"Value": "state"}, "Assemblies": {"Value": "counter,other"}, "Topic": {"Value": {"Ref": "Topic"}}},
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # thousands of them, read anew
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        session = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
        key = [{"AttributeName": n, "KeyType": k} for n, k in (("pk", "HASH"), ("sk", "RANGE"))]
        kinds = [{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")]
        session.client("dynamodb").create_table(TableName="state", KeySchema=key, AttributeDefinitions=kinds, BillingMode="PAY_PER_REQUEST")
        session.client("cloudformation").create_stack(StackName="understudy-demo", TemplateBody=json.dumps(TEMPLATE))
        yield Aws(Asked(deployable=None))


def test_what_is_written_reads_back_and_is_written_over_on_condition(aws: Aws) -> None:
    table = Table(aws, Place("demo", "state", ("counter",)))
    said = intent_item(asked(Kind.PAUSE, "counter", deployable="demo", reason="x", who="ann", now_ms=NOW, for_s=60))

    table.put({**said, "revision": 1}, seen_revision=0)
    with pytest.raises(WroteFirst):
        table.put({**said, "revision": 1}, seen_revision=0)
    table.put({**said, "revision": 2}, seen_revision=1)
    with pytest.raises(WroteFirst):
        table.put({**said, "revision": 2}, seen_revision=1)

    assert table.get("INTENT#demo", "PAUSE#counter") == {**said, "revision": 2}
    assert table.get("INTENT#demo", "PAUSE#other") is None


def test_a_partition_is_read_by_its_sort_keys_in_either_order(aws: Aws) -> None:
    table = Table(aws, Place("demo", "state", ("counter",)))
    for sk in ("1-a", "2-b", "HOLD", "OPEN", "STEP#1-a#1", "STEP#2-b#1"):
        table.put({"pk": "INCIDENT#demo#counter", "sk": sk}, seen_revision=0)

    def keys(**how: object) -> list[str]:
        return [item["sk"] for item in table.query("INCIDENT#demo#counter", **how)]  # type: ignore[arg-type]

    assert keys(below=":") == ["1-a", "2-b"]
    assert keys(below=":", newest_first=True, most=1) == ["2-b"]
    assert keys(begins="STEP#1-a#") == ["STEP#1-a#1"]
    assert len(keys()) == 6


def test_a_deployable_is_found_by_its_stack_alone_or_by_its_name(aws: Aws) -> None:
    found = find(aws, Asked(deployable=None))

    assert (found.deployable, found.table, found.assemblies) == ("demo", "state", ("counter", "other"))
    assert found.stack_id.startswith("arn:aws:cloudformation:us-east-1:")
    assert find(aws, Asked(deployable="demo", assemblies=("other",))).assemblies == ("other",)
    with pytest.raises(Trouble, match=r"no deployable 'ledger' is deployed here .*; there are: demo"):
        find(aws, Asked(deployable="ledger"))


def test_who_is_told_is_read_from_the_topic(aws: Aws) -> None:
    found = find(aws, Asked(deployable="demo"))
    aws.client("sns").subscribe(TopicArn=found.outputs["Topic"], Protocol="email", Endpoint="ops@example.com")
    told = addresses(aws, found)

    assert (*told.confirmed, *told.unconfirmed) == ("ops@example.com",)
    assert told.unread == ""


def test_a_table_that_is_not_there_is_said_in_awss_own_words(aws: Aws) -> None:
    with pytest.raises(Refused, match="cannot read INTENT#demo in the table elsewhere: ResourceNotFoundException") as caught:
        Table(aws, Place("demo", "elsewhere", ("counter",))).query("INTENT#demo")
    assert caught.value.code == "ResourceNotFoundException"


def test_a_lab_is_asked_where_it_said_that_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(state_table, "ROOT", tmp_path)
    with pytest.raises(Trouble, match="no lab 'b' is up here"):
        Aws(Asked(deployable=None, lab="b"))

    (tmp_path / ".lab" / "b").mkdir(parents=True)
    keys = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1"}
    (tmp_path / ".lab" / "b" / "addresses.json").write_text(json.dumps({"environment": keys}))
    assert Aws(Asked(deployable=None, lab="b")).client("dynamodb").meta.endpoint_url == "http://127.0.0.1:1"


def test_the_region_of_the_environment_is_read_by_either_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-3")

    assert Aws(Asked(deployable=None)).client("dynamodb").meta.region_name == "eu-west-3"
    assert Aws(Asked(deployable=None, region="eu-west-1")).client("dynamodb").meta.region_name == "eu-west-1"


def test_without_credentials_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)

    with pytest.raises(Trouble, match="there are no credentials; set AWS_PROFILE or sign in"):
        find(Aws(Asked(deployable="demo", region="us-east-1")), Asked(deployable="demo"))
