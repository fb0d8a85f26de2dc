"""Where a deployable's state is, and reading and writing it: by the stack's outputs, or by the table's name.

AWS's library is imported where it is used: a command that asks AWS nothing does not wait for it to load.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import spec
from cli.programs import ROOT, Trouble
from core import names
from core.items import BadRecord

TRIES = 3
PAGES_MAX = 50
Item = dict[str, Any]
Value = TypeVar("Value")


class Refused(Trouble):
    """AWS said no. code: its own word for why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class WroteFirst(Exception):
    """Somebody else wrote the item since it was read."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says of where to look. lab: the name of a lab of this machine."""

    deployable: str | None
    table: str | None = None
    assemblies: tuple[str, ...] = ()
    lab: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A deployable and where its state is. outputs: its stack's, of which stack_id is the ARN; empty when the table was given by name."""

    deployable: str
    table: str
    assemblies: tuple[str, ...]
    outputs: Mapping[str, str] = field(default_factory=dict)
    stack_id: str = ""


class Aws:
    """Clients of one region and account, made when they are needed. Raises Trouble for what a person can put right."""

    def __init__(self, asked: Asked) -> None:
        keys = _lab_keys(asked.lab) if asked.lab is not None else {}
        self._endpoint = keys.get("AWS_ENDPOINT_URL")
        # Every other SDK reads AWS_REGION too, and the lab names it; boto3 knows AWS_DEFAULT_REGION and the profile's alone.
        region = asked.region or os.environ.get("AWS_REGION")
        self._session: dict[str, Any] = {"region_name": region} if region else {}
        if keys:
            self._session = {
                "region_name": keys["AWS_REGION"],
                "aws_access_key_id": keys["AWS_ACCESS_KEY_ID"],
                "aws_secret_access_key": keys["AWS_SECRET_ACCESS_KEY"],
            }
        self._made: dict[tuple[str, bool], Any] = {}

    def client(self, service: str, *, once: bool = False) -> Any:
        import boto3
        from botocore.config import Config

        if (service, once) not in self._made:
            tries = 1 if once else TRIES  # a retry could meet our own success
            patience = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": tries})
            more: dict[str, Any] = {"endpoint_url": self._endpoint} if self._endpoint else {}
            with trouble(f"reach {service}"):
                self._made[service, once] = boto3.client(service, config=patience, **self._session, **more)
        return self._made[service, once]


def _lab_keys(name: str) -> Mapping[str, str]:
    """What `understudy lab up` wrote for programs."""
    path = ROOT / ".lab" / name / "addresses.json"
    try:
        return dict(json.loads(path.read_text())["environment"])
    except FileNotFoundError as error:
        raise Trouble(f"no lab {name!r} is up here ({path} is not there): `understudy lab up` starts one") from error
    except (OSError, ValueError, KeyError) as error:
        raise Trouble(f"{path} cannot be read ({error}): is another lab's, or an older one's") from error


@contextmanager
def trouble(verb: str) -> Iterator[None]:
    """Turn botocore's errors into Trouble that says what to do."""
    from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

    try:
        yield
    except NoCredentialsError as error:
        raise Trouble(f"cannot {verb}: there are no credentials; set AWS_PROFILE or sign in (for a lab of this machine: --lab)") from error
    except NoRegionError as error:
        raise Trouble(f"cannot {verb}: no region is set; say --region, or set AWS_REGION") from error
    except EndpointConnectionError as error:
        where = os.environ.get("AWS_ENDPOINT_URL")
        raise Trouble(f"cannot {verb}: {error}" + (f" (AWS_ENDPOINT_URL is {where}: is that lab still up?)" if where else "")) from error
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "?"))
        said = str(error.response.get("Error", {}).get("Message", ""))
        raise Refused(code, f"cannot {verb}: {code}: {said}{_advice(code)}") from error
    except BotoCoreError as error:
        raise Trouble(f"cannot {verb}: {error}") from error


def _advice(code: str) -> str:
    if code in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"):
        return "; `understudy operator-policy` prints the policy that an operator needs"
    if code in ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "RequestExpired"):
        return "; sign in again"
    return ""


# --- where it is ------------------------------------------------------------------------------------


def find(aws: Aws, asked: Asked) -> Place:
    """Raises Trouble."""
    if asked.table is not None:
        if asked.deployable is None or not asked.assemblies:
            raise Trouble("with --table, say --deployable NAME and --assembly NAME too: a table does not tell who is in it")
        return Place(asked.deployable, asked.table, asked.assemblies)
    name = asked.deployable or _the_only_one(aws)
    stack = f"{names.PRODUCT}-{name}"
    try:
        with trouble(f"find {name}"):
            found = aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except Refused as error:
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html: so for one that does not exist
        if error.code != "ValidationError":
            raise
        others = ", ".join(_deployed(aws)) or "none"
        raise Trouble(f"no deployable {name!r} is deployed here (no stack {stack}); there are: {others}") from error
    outputs = {o["OutputKey"]: o["OutputValue"] for o in found[0].get("Outputs", [])}
    if "Table" not in outputs:
        raise Trouble(f"the stack {stack} names no state table: it is {found[0].get('StackStatus', 'unknown')}")
    assemblies = asked.assemblies or tuple(a for a in outputs.get("Assemblies", "").split(",") if a)
    if not assemblies:
        raise Trouble(f"the stack {stack} does not name its assemblies (it is of an older version): say --assembly NAME")
    return Place(name, outputs["Table"], assemblies, outputs, str(found[0].get("StackId", "")))


def _the_only_one(aws: Aws) -> str:
    found = _deployed(aws)
    if len(found) != 1:
        raise Trouble(f"say which with --deployable NAME; deployed here: {', '.join(found) or 'none'}")
    return found[0]


def _deployed(aws: Aws) -> list[str]:
    """Stacks of ours that have a state table and nodes."""
    with trouble("list the stacks"):
        pages = aws.client("cloudformation").get_paginator("describe_stacks").paginate()
        stacks = [stack for page in pages for stack in page["Stacks"]]
    prefix = f"{names.PRODUCT}-"
    ours = [s for s in stacks if s["StackName"].startswith(prefix) and any(o["OutputKey"] == "Assemblies" for o in s.get("Outputs", []))]
    return sorted(s["StackName"].removeprefix(prefix) for s in ours)


def deployable_name(text: str) -> str:
    """A deployable's name, or its file's. Raises spec.SpecError."""
    if not text.endswith((".yaml", ".yml", ".xml")):
        return text
    return spec.load(Path(text)).name


# --- items ------------------------------------------------------------------------------------------


def plain(stored: Item) -> Item:
    from boto3.dynamodb.types import TypeDeserializer

    decode = TypeDeserializer().deserialize
    return {name: _number(decode(value)) for name, value in stored.items()}


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, dict):
        return {key: _number(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_number(part) for part in value]
    return value


class Table:
    """The state table, as an operator may use it: read what is of the deployable, write intents."""

    def __init__(self, aws: Aws, place: Place) -> None:
        self._aws, self.place = aws, place

    def query(self, pk: str, *, begins: str = "", below: str = "", newest_first: bool = False, most: int | None = None) -> list[Item]:
        """Items of a partition, by sort key: those that begin with a text, or are below one."""
        condition, values = "#pk = :pk", {":pk": {"S": pk}}
        if begins:
            condition, values = f"{condition} AND begins_with(#sk, :sk)", {**values, ":sk": {"S": begins}}
        elif below:
            condition, values = f"{condition} AND #sk < :sk", {**values, ":sk": {"S": below}}
        given: dict[str, Any] = {
            "TableName": self.place.table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": {"#pk": names.PK, **({"#sk": names.SK} if begins or below else {})},
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not newest_first,
            "ConsistentRead": True,
        }
        found: list[Item] = []
        for _ in range(PAGES_MAX):
            with trouble(f"read {pk} in the table {self.place.table}"):
                answer = self._aws.client("dynamodb").query(**given, **({"Limit": most} if most else {}))
            found += [plain(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer or (most and len(found) >= most):
                break
            given["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return found[:most]

    def get(self, pk: str, sk: str) -> Item | None:
        key = {names.PK: {"S": pk}, names.SK: {"S": sk}}
        with trouble(f"read {pk}/{sk} in the table {self.place.table}"):
            answer = self._aws.client("dynamodb").get_item(TableName=self.place.table, Key=key, ConsistentRead=True)
        return plain(answer["Item"]) if "Item" in answer else None

    def put(self, item: Item, *, seen_revision: int) -> None:
        """Only if the stored item is still of that revision, 0 for none. Raises WroteFirst, Trouble."""
        from boto3.dynamodb.types import TypeSerializer

        encode = TypeSerializer().serialize
        given: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if seen_revision:
            given = {"ConditionExpression": "revision = :seen", "ExpressionAttributeValues": {":seen": {"N": str(seen_revision)}}}
        stored = {name: encode(value) for name, value in item.items()}
        try:
            with trouble(f"write {item[names.PK]}/{item[names.SK]}"):
                self._aws.client("dynamodb", once=True).put_item(TableName=self.place.table, Item=stored, **given)
        except Refused as error:
            if error.code == "ConditionalCheckFailedException":
                raise WroteFirst from error
            raise


def read(parse: Callable[[Item], Value], item: Item | None) -> Value | None:
    """Raises Trouble for what was written by a newer version."""
    try:
        return parse(item) if item is not None else None
    except BadRecord as error:
        raise Trouble(f"{error}: it was written by another version of Understudy than this command's") from error
