"""Adapters: the state table in DynamoDB and the evidence in S3, with time limits on every call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError, NoCredentialsError

from agent.ports import Refused, Unreachable
from core import names
from core.items import Item, parse_permit, report_item, request_item
from core.records import Permit, Report, Request

# Two attempts of 2 s to connect and 2 s to answer: a call ends within some 8 s. All our writes overwrite, so that a
# second attempt meeting the first one's success does no harm.
# The regional endpoint is the one that the VPC's gateway endpoint routes; account-based ones are turned off
# (https://docs.aws.amazon.com/sdkref/latest/guide/feature-account-endpoints.html).
CONFIG = Config(
    connect_timeout=2,
    read_timeout=2,
    retries={"total_max_attempts": 2, "mode": "standard"},
    max_pool_connections=4,
    account_id_endpoint_mode="disabled",
    user_agent="understudy-agent",  # botocore's own is put together anew for each call, a sixth of its processor time
    parameter_validation=False,  # what is sent is made here, and DynamoDB checks it too; a sixth of a call's processor time
)
_TEMPORARY = {
    "InternalServerError",
    "InternalError",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
}


class _Client:
    """A client of one service, made on first use and again when the role's credentials could not be had."""

    def __init__(self, service: str, region: str) -> None:
        self._service, self._region = service, region
        self._made: Any = None

    @contextmanager
    def use(self, verb: str) -> Iterator[Any]:
        """The client; botocore's errors become ours, with what was being done."""
        try:
            if self._made is None:
                self._made = boto3.session.Session().client(self._service, region_name=self._region, config=CONFIG)
            yield self._made
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            kind = Unreachable if code in _TEMPORARY or status >= 500 else Refused
            raise kind(f"{verb}: {code}: {error.response.get('Error', {}).get('Message', '')}"[:300]) from error
        except (NoCredentialsError, CredentialRetrievalError) as error:
            self._made = None
            raise Unreachable(f"{verb}: {error}"[:300]) from error
        except BotoCoreError as error:
            raise Unreachable(f"{verb}: {error}"[:300]) from error


class DynamoTable:
    """agent.ports.Table on DynamoDB. Credentials are the instance's role, through the metadata service."""

    def __init__(self, name: str, region: str) -> None:
        self._name = name
        self._client = _Client("dynamodb", region)
        self._serialize = TypeSerializer().serialize
        self._deserialize = TypeDeserializer().deserialize

    def read_permit(self, deployable: str, assembly: str) -> Permit | None:
        key = {names.PK: {"S": names.permit_pk(deployable, assembly)}, names.SK: {"S": names.CURRENT}}
        with self._client.use("read permit") as client:
            stored = client.get_item(TableName=self._name, Key=key, ConsistentRead=True).get("Item")
        if stored is None:
            return None
        return parse_permit({name: _whole(self._deserialize(value)) for name, value in stored.items()})

    def write_report(self, report: Report) -> None:
        self._put("write report", report_item(report))

    def write_request(self, request: Request) -> None:
        self._put("write request", request_item(request))

    def _put(self, verb: str, item: Item) -> None:
        with self._client.use(verb) as client:
            client.put_item(TableName=self._name, Item={name: self._serialize(value) for name, value in item.items()})


def _whole(value: Any) -> Any:
    """DynamoDB's numbers arrive as Decimal; ours are whole."""
    return int(value) if isinstance(value, Decimal) else value


class S3Bucket:
    """agent.ports.Bucket on S3."""

    def __init__(self, name: str, region: str) -> None:
        self._name = name
        self._client = _Client("s3", region)

    def put(self, key: str, body: bytes) -> None:
        with self._client.use("put evidence") as client:
            client.put_object(Bucket=self._name, Key=key, Body=body)
