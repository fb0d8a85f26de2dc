"""Where mount targets get their bodies and access points their folders: moto keeps the books of EFS, and nothing behind them."""

from __future__ import annotations

from typing import Any

from moto.efs.models import EFSBackend

from lab.efs.targets import Targets
from lab.patching import original_of, replace


def patch(targets: Targets) -> None:
    make_target, drop_target = original_of(EFSBackend, "create_mount_target"), original_of(EFSBackend, "delete_mount_target")
    make_point = original_of(EFSBackend, "create_access_point")

    def create_mount_target(self: EFSBackend, *args: Any, **kwargs: Any) -> Any:
        made = make_target(self, *args, **kwargs)
        targets.open(made.mount_target_id, made.file_system_id, made.ip_address)
        return made

    def delete_mount_target(self: EFSBackend, mount_target_id: str) -> None:
        drop_target(self, mount_target_id)
        targets.close_one(mount_target_id)

    def create_access_point(self: EFSBackend, *args: Any, **kwargs: Any) -> Any:
        made = make_point(self, *args, **kwargs)
        targets.make_folder(made.access_point_id, made.root_directory)
        return made

    replace(EFSBackend, "create_mount_target", create_mount_target)
    replace(EFSBackend, "delete_mount_target", delete_mount_target)
    replace(EFSBackend, "create_access_point", create_access_point)
