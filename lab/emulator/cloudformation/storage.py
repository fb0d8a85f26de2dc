"""AWS::S3::*."""

from __future__ import annotations

import json
import re
from typing import Any

from lab.emulator.cloudformation.provider import Made, Request, ResourceError, resource
from lab.world import REGION

_TRANSITIONS = {"TransitionInDays": "Days", "StorageClass": "StorageClass"}


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule in the API's words. https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRule.html"""
    left = dict(rule)
    made: dict[str, Any] = {"Status": left.pop("Status"), "Filter": _filter(left)}
    if "Id" in left:
        made["ID"] = left.pop("Id")
    if "ExpirationInDays" in left:
        made["Expiration"] = {"Days": int(left.pop("ExpirationInDays"))}
    if "ExpiredObjectDeleteMarker" in left:
        made["Expiration"] = {"ExpiredObjectDeleteMarker": str(left.pop("ExpiredObjectDeleteMarker")).lower() == "true"}
    if "NoncurrentVersionExpiration" in left:
        made["NoncurrentVersionExpiration"] = left.pop("NoncurrentVersionExpiration")
    if "NoncurrentVersionExpirationInDays" in left:
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": int(left.pop("NoncurrentVersionExpirationInDays"))}
    if "AbortIncompleteMultipartUpload" in left:
        days = left.pop("AbortIncompleteMultipartUpload")["DaysAfterInitiation"]
        made["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": int(days)}
    if "Transitions" in left:
        made["Transitions"] = [{_TRANSITIONS[key]: value for key, value in item.items()} for item in left.pop("Transitions")]
    if left:
        raise ResourceError(f"lifecycle rule with {', '.join(sorted(left))}: the lab does not understand it")
    return made


def _filter(left: dict[str, Any]) -> dict[str, Any]:
    """Several conditions stand in an And. https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRuleFilter.html"""
    sizes = {key: int(left.pop(key)) for key in ("ObjectSizeLessThan", "ObjectSizeGreaterThan") if key in left}
    prefix = {"Prefix": left.pop("Prefix", "")}
    return {"And": {**prefix, **sizes}} if sizes else prefix


def _encryption(given: dict[str, Any]) -> dict[str, Any]:
    """The API's words for BucketEncryption."""
    rules = []
    for rule in given["ServerSideEncryptionConfiguration"]:
        made = {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
        if "BucketKeyEnabled" in rule:
            made["BucketKeyEnabled"] = rule["BucketKeyEnabled"]
        rules.append(made)
    return {"Rules": rules}


@resource(
    "AWS::S3::Bucket",
    name="BucketName",
    name_max=63,
    lower=True,
    attributes=("Arn", "DomainName", "RegionalDomainName", "DualStackDomainName"),
)
def bucket(request: Request) -> Made:
    s3, props, name = request.api("s3"), request.props, request.name
    acl = props.take("AccessControl")  # in CamelCase here, in-small-words in the API
    s3.create_bucket(Bucket=name, **({"ACL": re.sub(r"(?<!^)(?=[A-Z])", "-", acl).lower()} if acl else {}))
    if versioning := props.take("VersioningConfiguration"):
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": versioning["Status"]})
    if block := props.take("PublicAccessBlockConfiguration"):
        flags = {key: str(value).lower() == "true" for key, value in block.items()}
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=flags)
    if encryption := props.take("BucketEncryption"):
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=_encryption(encryption))
    if lifecycle := props.take("LifecycleConfiguration"):
        rules = [_lifecycle_rule(rule) for rule in lifecycle["Rules"]]
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    if ownership := props.take("OwnershipControls"):
        s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=ownership)
    if tags := props.tags():
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    attributes = {
        "Arn": f"arn:aws:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.{REGION}.amazonaws.com",
        "DualStackDomainName": f"{name}.s3.dualstack.{REGION}.amazonaws.com",
    }
    return Made(name, attributes, lambda: s3.delete_bucket(Bucket=name))


@resource("AWS::S3::BucketPolicy", again=True)
def bucket_policy(request: Request) -> Made:
    s3, props = request.api("s3"), request.props
    name = props.need("Bucket")
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(props.need("PolicyDocument")))
    return Made(name, undo=lambda: s3.delete_bucket_policy(Bucket=name))
