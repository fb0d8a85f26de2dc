"""Adapter: agent.keeping.store.Store on S3, by the role of the instance."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from agent.aws import CONFIG, Service
from agent.keeping.store import Absent, Overtaken

# A piece of 4 MiB in 15 s is 0.3 MB/s. One attempt only: a conditional write is sent once, and whatever else fails comes again
# with the next save.
PIECES_CONFIG: Config = CONFIG.merge(
    Config(read_timeout=15, retries={"total_max_attempts": 1, "mode": "standard"}, max_pool_connections=8),
)
# Without leave to list, S3 answers AccessDenied for a key that is not there:
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
_ABSENT = {"NoSuchKey", "AccessDenied", "404", "403"}
# The condition did not hold, another write of the same key was under way, or the object was deleted meanwhile:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}


class S3Store:
    """Raises Unreachable, Refused as its port says."""

    def __init__(self, bucket: str, region: str) -> None:
        self._bucket = bucket
        self._service: Service[Any] = Service(lambda: boto3.session.Session().client("s3", region_name=region, config=PIECES_CONFIG))

    def get(self, key: str) -> tuple[bytes, str]:
        with self._service.use(f"get {key}") as s3:
            try:
                answer = s3.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if _code(error) in _ABSENT:
                    raise Absent(key) from error
                raise
            return answer["Body"].read(), answer["ETag"]

    def put(self, key: str, body: bytes) -> None:
        with self._service.use(f"put {key}") as s3:
            s3.put_object(Bucket=self._bucket, Key=key, Body=body)

    def put_if(self, key: str, body: bytes, tag: str | None) -> str:
        condition: dict[str, str] = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        with self._service.use(f"put {key}") as s3:
            try:
                answer: dict[str, Any] = s3.put_object(Bucket=self._bucket, Key=key, Body=body, **condition)
            except ClientError as error:
                if _code(error) in _OVERTAKEN:
                    raise Overtaken(key) from error
                raise
            return str(answer["ETag"])


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
