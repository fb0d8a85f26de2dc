"""Reads AWS::EFS::* back."""

from __future__ import annotations

import json

from lab.conformance.live import Live, Read, only, reader, some


@reader("AWS::EFS::FileSystem")
def file_system(read: Read) -> Live:
    efs, id_ = read.api("efs"), read.physical_id
    found = only(efs.describe_file_systems(FileSystemId=id_)["FileSystems"], id_)
    properties = some(found, "Encrypted", "PerformanceMode", "ThroughputMode") | {
        "BackupPolicy": {"Status": efs.describe_backup_policy(FileSystemId=id_)["BackupPolicy"]["Status"]},
        "FileSystemPolicy": json.loads(efs.describe_file_system_policy(FileSystemId=id_)["Policy"]),
        "FileSystemTags": found["Tags"],
    }
    return Live(properties, {"Arn": found["FileSystemArn"], "FileSystemId": id_})


@reader("AWS::EFS::MountTarget")
def mount_target(read: Read) -> Live:
    efs, id_ = read.api("efs"), read.physical_id
    found = only(efs.describe_mount_targets(MountTargetId=id_)["MountTargets"], id_)
    groups = efs.describe_mount_target_security_groups(MountTargetId=id_)["SecurityGroups"]
    return Live({**some(found, "FileSystemId", "SubnetId"), "SecurityGroups": groups}, {"Id": id_, "IpAddress": found["IpAddress"]})


@reader("AWS::EFS::AccessPoint")
def access_point(read: Read) -> Live:
    found = only(read.api("efs").describe_access_points(AccessPointId=read.physical_id)["AccessPoints"], read.physical_id)
    properties = {**some(found, "FileSystemId", "RootDirectory"), "AccessPointTags": found["Tags"]}
    return Live(properties, {"AccessPointId": read.physical_id, "Arn": found["AccessPointArn"]})
