"""Adapters: the state table in DynamoDB and the evidence in S3, with time limits on every call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Generic, TypeVar

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError, NoCredentialsError

from agent.dynamodb import ATTEMPTS, CONNECT_TIMEOUT_S, READ_TIMEOUT_S, DynamoDB, DynamoError
from agent.ports import Refused, Unreachable
from core import names
from core.items import Item, parse_permit, report_item, request_item
from core.records import Permit, Report, Request

# Two attempts of 2 s to connect and 2 s to answer: a call ends within some 8 s.
CONFIG = Config(
    connect_timeout=CONNECT_TIMEOUT_S,
    read_timeout=READ_TIMEOUT_S,
    retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
    max_pool_connections=4,
    user_agent="understudy-agent",
)
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and of Secrets Manager
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html: those below 500 that may pass.
_TEMPORARY = {"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException"}

T = TypeVar("T")


class Service(Generic[T]):
    """What calls one service: made on first use, and again when the role's credentials could not be had."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: T | None = None

    @contextmanager
    def use(self, verb: str) -> Iterator[T]:
        """Its errors become ours, with what was being done."""
        try:
            if self._made is None:
                self._made = self._make()
            yield self._made
        except DynamoError as error:
            raise (Unreachable if error.temporary else Refused)(f"{verb}: {error}"[:300]) from error
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
        self._service = Service(lambda: DynamoDB(region))
        self._serialize = TypeSerializer().serialize
        self._deserialize = TypeDeserializer().deserialize

    def read_permit(self, deployable: str, assembly: str) -> Permit | None:
        key = {names.PK: {"S": names.permit_pk(deployable, assembly)}, names.SK: {"S": names.CURRENT}}
        with self._service.use("read permit") as dynamodb:
            stored = dynamodb.call("GetItem", {"TableName": self._name, "Key": key, "ConsistentRead": True}).get("Item")
        if stored is None:
            return None
        return parse_permit({name: _whole(self._deserialize(value)) for name, value in stored.items()})

    def write_report(self, report: Report) -> None:
        self._put("write report", report_item(report))

    def write_request(self, request: Request) -> None:
        self._put("write request", request_item(request))

    def _put(self, verb: str, item: Item) -> None:
        with self._service.use(verb) as dynamodb:
            dynamodb.call("PutItem", {"TableName": self._name, "Item": {name: self._serialize(value) for name, value in item.items()}})


def _whole(value: Any) -> Any:
    """DynamoDB's numbers arrive as Decimal; ours are whole."""
    return int(value) if isinstance(value, Decimal) else value


class S3Bucket:
    """agent.ports.Bucket on S3."""

    def __init__(self, name: str, region: str) -> None:
        self._name = name
        self._service: Service[Any] = Service(lambda: boto3.session.Session().client("s3", region_name=region, config=CONFIG))

    def put(self, key: str, body: bytes) -> None:
        with self._service.use("put evidence") as s3:
            s3.put_object(Bucket=self._name, Key=key, Body=body)
