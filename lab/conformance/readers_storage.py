"""Reads AWS::S3::*, AWS::DynamoDB::Table, AWS::IAM::* and AWS::SSM::Parameter back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from lab.conformance.live import Live, Missing, Read, reader, some
from lab.world import REGION


def _unless_unset(call: Callable[..., Any], key: str, **given: Any) -> Any:
    """One setting of a bucket, or None when it was never made (the API answers that with an error)."""
    try:
        return call(**given).get(key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            raise
        return None


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """An API's rule in the template's words."""
    made = some(rule, "Status", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
    conditions = rule.get("Filter", {}).get("And") or rule.get("Filter", {})
    made["Prefix"] = conditions.get("Prefix", rule.get("Prefix", ""))
    made |= some(conditions, "ObjectSizeLessThan", "ObjectSizeGreaterThan")
    if "ID" in rule:
        made["Id"] = rule["ID"]
    if "Days" in rule.get("Expiration", {}):
        made["ExpirationInDays"] = rule["Expiration"]["Days"]
    made |= some(rule.get("Expiration", {}), "ExpiredObjectDeleteMarker")
    if rule.get("Transitions"):
        made["Transitions"] = [{"TransitionInDays": item.get("Days"), "StorageClass": item["StorageClass"]} for item in rule["Transitions"]]
    return made


def _encryption_rule(rule: dict[str, Any]) -> dict[str, Any]:
    return {"ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"], **some(rule, "BucketKeyEnabled")}


@reader("AWS::S3::Bucket")
def bucket(read: Read) -> Live:
    s3, name = read.api("s3"), read.physical_id
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as error:
        raise Missing(name) from error
    properties: dict[str, Any] = {"BucketName": name}
    properties["VersioningConfiguration"] = {"Status": s3.get_bucket_versioning(Bucket=name).get("Status")}
    block = _unless_unset(s3.get_public_access_block, "PublicAccessBlockConfiguration", Bucket=name)
    properties |= {"PublicAccessBlockConfiguration": block} if block else {}
    encryption = _unless_unset(s3.get_bucket_encryption, "ServerSideEncryptionConfiguration", Bucket=name)
    if encryption:
        properties["BucketEncryption"] = {"ServerSideEncryptionConfiguration": [_encryption_rule(rule) for rule in encryption["Rules"]]}
    rules = _unless_unset(s3.get_bucket_lifecycle_configuration, "Rules", Bucket=name)
    properties |= {"LifecycleConfiguration": {"Rules": [_lifecycle_rule(rule) for rule in rules]}} if rules else {}
    ownership = _unless_unset(s3.get_bucket_ownership_controls, "OwnershipControls", Bucket=name)
    properties |= {"OwnershipControls": ownership} if ownership else {}
    properties["Tags"] = _unless_unset(s3.get_bucket_tagging, "TagSet", Bucket=name) or []
    attributes = {"Arn": f"arn:aws:s3:::{name}", "RegionalDomainName": f"{name}.s3.{REGION}.amazonaws.com"}
    return Live(properties, attributes)


@reader("AWS::S3::BucketPolicy")
def bucket_policy(read: Read) -> Live:
    policy = read.api("s3").get_bucket_policy(Bucket=read.wanted["Bucket"])["Policy"]
    return Live({"Bucket": read.wanted["Bucket"], "PolicyDocument": policy})


@reader("AWS::DynamoDB::Table")
def table(read: Read) -> Live:
    dynamodb, name = read.api("dynamodb"), read.physical_id
    found = dynamodb.describe_table(TableName=name)["Table"]
    properties = some(found, "TableName", "AttributeDefinitions", "KeySchema", "DeletionProtectionEnabled", "GlobalSecondaryIndexes")
    properties["BillingMode"] = found.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    properties |= some(found, "StreamSpecification", "ProvisionedThroughput")
    sse = found.get("SSEDescription", {})
    properties["SSESpecification"] = {"SSEEnabled": sse.get("Status") == "ENABLED", **some(sse, "SSEType")}
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    properties["TimeToLiveSpecification"] = {"Enabled": ttl["TimeToLiveStatus"] == "ENABLED", **some(ttl, "AttributeName")}
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    properties["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": backups["PointInTimeRecoveryStatus"] == "ENABLED"}
    properties["Tags"] = dynamodb.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"]
    return Live(properties, {"Arn": found["TableArn"], "StreamArn": found.get("LatestStreamArn")})


@reader("AWS::IAM::Role")
def role(read: Read) -> Live:
    iam, name = read.api("iam"), read.physical_id
    found = iam.get_role(RoleName=name)["Role"]
    properties = some(found, "RoleName", "Path", "Description", "MaxSessionDuration", "AssumeRolePolicyDocument", "Tags")
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    properties["ManagedPolicyArns"] = [policy["PolicyArn"] for policy in attached]
    policies = [
        {
            "PolicyName": one["PolicyName"],
            "PolicyDocument": iam.get_role_policy(RoleName=name, PolicyName=one["PolicyName"])["PolicyDocument"],
        }
        for one in read.wanted.get("Policies", [])
    ]
    return Live({**properties, "Policies": policies}, {"Arn": found["Arn"], "RoleId": found["RoleId"]})


@reader("AWS::IAM::Policy")
def policy(read: Read) -> Live:
    """An inline policy is read from each role that should have it; all must agree."""
    iam, documents = read.api("iam"), []
    for name in read.wanted["Roles"]:
        documents.append(iam.get_role_policy(RoleName=name, PolicyName=read.wanted["PolicyName"])["PolicyDocument"])
    if any(document != documents[0] for document in documents):
        raise Missing(f"{read.wanted['PolicyName']} differs among its roles")
    return Live({**some(read.wanted, "PolicyName", "Roles"), "PolicyDocument": documents[0]}, {"Id": read.physical_id})


@reader("AWS::IAM::InstanceProfile")
def instance_profile(read: Read) -> Live:
    found = read.api("iam").get_instance_profile(InstanceProfileName=read.physical_id)["InstanceProfile"]
    properties = {**some(found, "InstanceProfileName", "Path"), "Roles": [item["RoleName"] for item in found["Roles"]]}
    return Live(properties, {"Arn": found["Arn"]})


@reader("AWS::SSM::Parameter")
def parameter(read: Read) -> Live:
    ssm = read.api("ssm")
    found = ssm.get_parameter(Name=read.physical_id)["Parameter"]
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=read.physical_id)["TagList"]
    described = ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [read.physical_id]}])["Parameters"][0]
    properties = {**some(found, "Name", "Type", "Value"), **some(described, "Description", "Tier")}
    return Live({**properties, "Tags": {tag["Key"]: tag["Value"] for tag in tags}}, some(found, "Type", "Value"))
