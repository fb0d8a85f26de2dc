"""Reads AWS::RDS::* back."""

from __future__ import annotations

from typing import Any

from lab.conformance.live import Live, Read, only, reader, some

_SAME = (
    "AutoMinorVersionUpgrade", "BackupRetentionPeriod", "CACertificateIdentifier", "CopyTagsToSnapshot", "DBInstanceClass",
    "DBInstanceIdentifier", "DBName", "DeletionProtection", "Engine", "EngineVersion", "MasterUsername", "MultiAZ", "AllocatedStorage",
    "PubliclyAccessible", "StorageEncrypted", "StorageType",
)  # fmt: skip


@reader("AWS::RDS::DBInstance")
def instance(read: Read) -> Live:
    found: dict[str, Any] = only(
        read.api("rds").describe_db_instances(DBInstanceIdentifier=read.physical_id)["DBInstances"], read.physical_id
    )
    endpoint, secret = found["Endpoint"], found.get("MasterUserSecret")
    properties = some(found, *_SAME) | {
        "DBParameterGroupName": found["DBParameterGroups"][0]["DBParameterGroupName"],
        "DBSubnetGroupName": found["DBSubnetGroup"]["DBSubnetGroupName"],
        "EnableCloudwatchLogsExports": found.get("EnabledCloudwatchLogsExports", []),
        "EnableIAMDatabaseAuthentication": found["IAMDatabaseAuthenticationEnabled"],
        "ManageMasterUserPassword": secret is not None,
        "Port": endpoint["Port"],
        "Tags": found.get("TagList", []),
        "VPCSecurityGroups": [group["VpcSecurityGroupId"] for group in found["VpcSecurityGroups"]],
    }
    attributes = {
        "Endpoint.Address": endpoint["Address"],
        "Endpoint.Port": str(endpoint["Port"]),
        "DBInstanceArn": found["DBInstanceArn"],
        "DbiResourceId": found["DbiResourceId"],
        **({"MasterUserSecret.SecretArn": secret["SecretArn"]} if secret is not None else {}),
    }
    return Live(properties, attributes)


@reader("AWS::RDS::DBSubnetGroup")
def subnet_group(read: Read) -> Live:
    rds, name = read.api("rds"), read.physical_id
    found = only(rds.describe_db_subnet_groups(DBSubnetGroupName=name)["DBSubnetGroups"], name)
    properties = some(found, "DBSubnetGroupName", "DBSubnetGroupDescription")
    properties["SubnetIds"] = [subnet["SubnetIdentifier"] for subnet in found["Subnets"]]
    properties["Tags"] = rds.list_tags_for_resource(ResourceName=found["DBSubnetGroupArn"])["TagList"]
    return Live(properties)


@reader("AWS::RDS::DBParameterGroup")
def parameter_group(read: Read) -> Live:
    rds, name = read.api("rds"), read.physical_id
    found = only(rds.describe_db_parameter_groups(DBParameterGroupName=name)["DBParameterGroups"], name)
    given = rds.describe_db_parameters(DBParameterGroupName=name)["Parameters"]
    properties = {
        "Description": found["Description"],
        "Family": found["DBParameterGroupFamily"],
        "Parameters": {one["ParameterName"]: one["ParameterValue"] for one in given},
        "Tags": rds.list_tags_for_resource(ResourceName=found["DBParameterGroupArn"])["TagList"],
    }
    return Live(properties, {"DBParameterGroupName": name})
