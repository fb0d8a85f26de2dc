"""A signed HTTP request of an AWS SDK, read far enough to know what it asks for."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote


@dataclass(frozen=True, slots=True)
class ApiCall:
    """parameters: the JSON body, or the query protocol's flat names; for S3, Lambda and Route 53 what the path says, and changes."""

    service: str
    operation: str
    parameters: Mapping[str, Any]


class UnknownCall(Exception):
    """The lab cannot tell what a request asks for, so it cannot judge it: an error of the lab."""


def read(service: str, *, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> ApiCall:
    """The call that a request makes. path: decoded once or raw. Raises UnknownCall."""
    target = headers.get("x-amz-target", "")
    if target:
        return ApiCall(service, target.rsplit(".", 1)[-1], _json(body))
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        return ApiCall(service, path.rsplit("/", 1)[-1], {})
    if service == "s3":
        return _s3(method, path, query, headers)
    if service == "lambda":
        return _lambda(method, path, headers)
    if service == "route53":
        return _route53(method, path, body)
    fields = parse_qs(body.decode("utf-8", "replace") if body else query, keep_blank_values=True, max_num_fields=2000)
    if "Action" in fields:
        return ApiCall(service, fields["Action"][0], {name: values[0] for name, values in fields.items()})
    raise UnknownCall(f"{service}: {method} {path} carries neither a target nor an Action")


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except ValueError as error:
        raise UnknownCall(f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise UnknownCall("the body is not a JSON object")
    return value


# S3 subresources in the query decide the operation: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
_S3_PLAIN = {"x-id", "list-type", "prefix", "max-keys", "versionId"}
_S3_KEY = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}


def _s3(method: str, path: str, query: str, headers: Mapping[str, str]) -> ApiCall:
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    marks = set(parse_qs(query, keep_blank_values=True)) - _S3_PLAIN
    parameters = {"Bucket": bucket, "Key": key}
    if marks:
        raise UnknownCall(f"s3: {method} with {sorted(marks)} is not known to the lab")
    if not bucket:
        return ApiCall("s3", "ListAllMyBuckets", parameters)
    if not key:
        if method in ("GET", "HEAD"):
            return ApiCall("s3", "ListBucket", parameters)
        raise UnknownCall(f"s3: {method} on a bucket is not known to the lab")
    if "x-amz-copy-source" in headers or method not in _S3_KEY:
        raise UnknownCall(f"s3: {method} {sorted(headers)} is not known to the lab")
    return ApiCall("s3", _S3_KEY[method], parameters)


def _lambda(method: str, path: str, headers: Mapping[str, str]) -> ApiCall:
    parts = unquote(path).strip("/").split("/")
    if method == "POST" and len(parts) == 4 and parts[1] == "functions" and parts[3] == "invocations":
        return ApiCall("lambda", "Invoke", {"FunctionName": parts[2]})
    if method == "GET" and len(parts) == 3 and parts[1] == "functions":
        return ApiCall("lambda", "GetFunction", {"FunctionName": parts[2]})
    raise UnknownCall(f"lambda: {method} {path} is not known to the lab")


def _route53(method: str, path: str, body: bytes) -> ApiCall:
    """https://docs.aws.amazon.com/Route53/latest/APIReference/API_Operations_Amazon_Route_53.html; Changes: (action, name, type)."""
    match unquote(path).strip("/").split("/")[1:]:
        case ["hostedzone", zone, "rrset"] if method == "GET":
            return ApiCall("route53", "ListResourceRecordSets", {"HostedZoneId": zone})
        case ["hostedzone", zone, "rrset"] if method == "POST":
            return ApiCall("route53", "ChangeResourceRecordSets", {"HostedZoneId": zone, "Changes": _changes(body)})
        case ["change", change] if method == "GET":
            return ApiCall("route53", "GetChange", {"Id": change})
    raise UnknownCall(f"route53: {method} {path} is not known to the lab")


def _changes(body: bytes) -> list[tuple[str, str, str]]:
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - from a caller whose signature was found true: our own function
    except ElementTree.ParseError as error:
        raise UnknownCall(f"the body is not XML: {error}") from error
    return [
        (
            change.findtext("{*}Action", ""),
            change.findtext("{*}ResourceRecordSet/{*}Name", ""),
            change.findtext("{*}ResourceRecordSet/{*}Type", ""),
        )
        for change in root.findall(".//{*}Change")
    ]
