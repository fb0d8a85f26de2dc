"""AWS::RDS::*: instances, their subnets and their parameters."""

from __future__ import annotations

from lab.emulator.cloudformation.provider import Made, Request, resource

# Properties of an instance that CreateDBInstance calls the same.
_SAME = (
    "AutoMinorVersionUpgrade", "BackupRetentionPeriod", "CACertificateIdentifier", "CopyTagsToSnapshot", "DBInstanceClass", "DBName",
    "DBParameterGroupName", "DBSubnetGroupName", "DeletionProtection", "Engine", "EngineVersion", "ManageMasterUserPassword",
    "MasterUsername", "MultiAZ", "PubliclyAccessible", "StorageEncrypted", "StorageType",
)  # fmt: skip


@resource("AWS::RDS::DBSubnetGroup", name="DBSubnetGroupName", lower=True)
def subnet_group(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbsubnetgroup.html"""
    rds, props, name = request.api("rds"), request.props, request.name
    rds.create_db_subnet_group(
        DBSubnetGroupName=name,
        DBSubnetGroupDescription=props.need("DBSubnetGroupDescription"),
        SubnetIds=props.need("SubnetIds"),
        Tags=props.tags(),
    )
    return Made(name, undo=lambda: rds.delete_db_subnet_group(DBSubnetGroupName=name))


@resource("AWS::RDS::DBParameterGroup", name="DBParameterGroupName", lower=True)
def parameter_group(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbparametergroup.html"""
    rds, props, name = request.api("rds"), request.props, request.name
    rds.create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily=props.need("Family"), Description=props.need("Description"), Tags=props.tags()
    )
    parameters = [
        {"ParameterName": key, "ParameterValue": str(value), "ApplyMethod": "pending-reboot"}
        for key, value in props.take("Parameters", {}).items()
    ]
    if parameters:
        rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=parameters)
    return Made(name, {"DBParameterGroupName": name}, lambda: rds.delete_db_parameter_group(DBParameterGroupName=name))


@resource(
    "AWS::RDS::DBInstance",
    name="DBInstanceIdentifier",
    name_max=63,
    lower=True,
    attributes=("Endpoint.Address", "Endpoint.Port", "MasterUserSecret.SecretArn", "DBInstanceArn", "DbiResourceId"),
)
def instance(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html"""
    rds, props, name = request.api("rds"), request.props, request.name
    given = props.pick(*_SAME)
    for key in ("AllocatedStorage", "Port"):
        given[key] = int(props.need(key))
    given["VpcSecurityGroupIds"] = props.take("VPCSecurityGroups", [])
    given["EnableCloudwatchLogsExports"] = props.take("EnableCloudwatchLogsExports", [])
    given["EnableIAMDatabaseAuthentication"] = bool(props.take("EnableIAMDatabaseAuthentication", False))
    props.take("DeleteAutomatedBackups")  # a word for DeleteDBInstance
    made = rds.create_db_instance(DBInstanceIdentifier=name, Tags=props.tags(), **given)["DBInstance"]
    attributes = {
        "Endpoint.Address": made["Endpoint"]["Address"],
        "Endpoint.Port": str(made["Endpoint"]["Port"]),
        "DBInstanceArn": made["DBInstanceArn"],
        "DbiResourceId": made["DbiResourceId"],
    }
    if "MasterUserSecret" in made:
        attributes["MasterUserSecret.SecretArn"] = made["MasterUserSecret"]["SecretArn"]
    last = f"{name}-last"
    return Made(name, attributes, lambda: rds.delete_db_instance(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=last))
