"""AWS::EFS::*: file systems, their mount targets and access points."""

from __future__ import annotations

import json

from lab.emulator.cloudformation.provider import Made, Request, resource


@resource("AWS::EFS::FileSystem", attributes=("Arn", "FileSystemId"))
def file_system(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-efs-filesystem.html"""
    efs, props = request.api("efs"), request.props
    given = props.pick("Encrypted", "PerformanceMode", "ThroughputMode")
    backup = (props.take("BackupPolicy") or {}).get("Status") == "ENABLED"
    made = efs.create_file_system(CreationToken=request.name, Backup=backup, Tags=props.take("FileSystemTags", []), **given)
    id_ = made["FileSystemId"]
    policy = props.take("FileSystemPolicy")
    if policy:
        efs.put_file_system_policy(FileSystemId=id_, Policy=json.dumps(policy))
    return Made(id_, {"Arn": made["FileSystemArn"], "FileSystemId": id_}, lambda: efs.delete_file_system(FileSystemId=id_))


@resource("AWS::EFS::MountTarget", attributes=("Id", "IpAddress"))
def mount_target(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-efs-mounttarget.html"""
    efs = request.api("efs")
    made = efs.create_mount_target(**request.props.pick("FileSystemId", "SubnetId", "SecurityGroups"))
    id_ = made["MountTargetId"]
    return Made(id_, {"Id": id_, "IpAddress": made["IpAddress"]}, lambda: efs.delete_mount_target(MountTargetId=id_))


@resource("AWS::EFS::AccessPoint", attributes=("AccessPointId", "Arn"))
def access_point(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-efs-accesspoint.html"""
    efs, props = request.api("efs"), request.props
    root = props.take("RootDirectory") or {}
    info = root.get("CreationInfo")
    if info:
        numbers = {key: int(info[key]) for key in ("OwnerUid", "OwnerGid")}
        root = {**root, "CreationInfo": {**info, **numbers}}
    made = efs.create_access_point(
        ClientToken=request.name, FileSystemId=props.need("FileSystemId"), RootDirectory=root, Tags=props.take("AccessPointTags", [])
    )
    id_ = made["AccessPointId"]
    return Made(id_, {"AccessPointId": id_, "Arn": made["AccessPointArn"]}, lambda: efs.delete_access_point(AccessPointId=id_))
