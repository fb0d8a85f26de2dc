"""DynamoDB's calls, signed and sent by botocore's own parts without its client.

A client puts each call together anew: endpoint rules, hooks, a serializer, a parser. On a node where nothing happens a report is most
of what the agent asks of a processor, and that was a quarter of the report.
"""

from __future__ import annotations

import json
import os
from typing import Any

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ConnectionError as NoConnection
from botocore.exceptions import HTTPClientError, NoCredentialsError
from botocore.httpsession import URLLib3Session

CONNECT_TIMEOUT_S = READ_TIMEOUT_S = 2
# All our writes overwrite, so that a second attempt meeting the first one's success does no harm. The first may have met a kept
# connection that the other side had just closed.
ATTEMPTS = 2
ANSWER_BYTES_IN_ERROR_MAX = 200
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_TEMPORARY = {
    "InternalServerError",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
}


class DynamoError(Exception):
    """DynamoDB's own words. temporary: the same call may well succeed later."""

    def __init__(self, code: str, message: str, *, temporary: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.temporary = temporary


class DynamoDB:
    """The low-level API (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html); safe in threads.

    The regional endpoint, which is the one that the VPC's gateway endpoint routes; credentials, a certificate bundle and another endpoint
    as for every AWS SDK.
    """

    def __init__(self, region: str) -> None:
        session = botocore.session.Session()
        self._region, self._session = region, session
        self._url = endpoint(region)
        self._http = URLLib3Session(
            verify=session.get_config_variable("ca_bundle") or True,
            timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),  # type: ignore[arg-type]  # a pair is what botocore itself gives it
            max_pool_connections=4,
        )

    def call(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        """One operation, within ATTEMPTS x (CONNECT_TIMEOUT_S + READ_TIMEOUT_S).

        Raises DynamoError, and botocore's: ConnectionError, HTTPClientError (no answer), NoCredentialsError, CredentialRetrievalError.
        """
        data = json.dumps(body).encode()
        for _ in range(ATTEMPTS - 1):
            try:
                return self._once(operation, data)
            except (NoConnection, HTTPClientError):
                continue
            except DynamoError as error:
                if not error.temporary:
                    raise
        return self._once(operation, data)

    def _once(self, operation: str, data: bytes) -> dict[str, Any]:
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "User-Agent": "understudy-agent",
        }
        request = AWSRequest("POST", self._url, headers=headers, data=data)
        credentials = self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        SigV4Auth(credentials.get_frozen_credentials(), "dynamodb", self._region).add_auth(request)
        answer = self._http.send(request.prepare())
        if answer.status_code != 200:
            raise _error(answer.status_code, answer.content)
        told: dict[str, Any] = json.loads(answer.content)
        return told


def endpoint(region: str) -> str:
    """Of that region, or what AWS_ENDPOINT_URL_DYNAMODB or AWS_ENDPOINT_URL say, as for every AWS SDK.

    https://docs.aws.amazon.com/general/latest/gr/ddb.html
    """
    given = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB") or os.environ.get("AWS_ENDPOINT_URL")
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return given or f"https://dynamodb.{region}.{suffix}/"


def _error(status: int, body: bytes) -> DynamoError:
    """Of `{"__type": "...#Code", "message": "..."}`; whatever else may answer in its place."""
    try:
        told = json.loads(body)
        code, message = str(told["__type"]).rpartition("#")[2], str(told.get("message") or told.get("Message") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        code, message = f"HTTP {status}", body[:ANSWER_BYTES_IN_ERROR_MAX].decode("utf-8", "replace")
    return DynamoError(code, message, temporary=status >= 500 or code in _TEMPORARY)
