"""Mount targets: who comes to one says who it is and through which access point, and hears whether it is let in, and to do what.

What goes to and fro then is the machine's own bind mount of the access point's folder (lab/machines/mount_efs.py): NFS is not played.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.backends import get_backend

from lab import netns
from lab.policy.enforce import allowed
from lab.policy.presigned import verify_presigned
from lab.policy.signature import BadSignature
from lab.world import ACCOUNT, REGION, World

PORT = 2049
TOKEN_S_MAX = 86_400  # as the mount helper signs: https://github.com/aws/efs-utils
_MESSAGE_BYTES, _PATIENCE_S = 8192, 10.0
_ACTIONS = ("ClientMount", "ClientWrite", "ClientRootAccess")
log = logging.getLogger("lab.efs")


class Denied(Exception):
    """Why somebody is not let in; the client hears only that it is not."""


@dataclass(frozen=True, slots=True)
class Target:
    file_system: str
    name: str  # of its network namespace
    address: str
    listener: socket.socket


def folder_of(lab_dir: Path) -> Path:
    """Where access points' folders are; every machine has it (lab/machines/rootfs.py)."""
    folder = lab_dir / "efs"
    folder.mkdir(exist_ok=True)
    return folder


def judge(world: World, file_system: str, point: str, token: str) -> tuple[str, ...]:
    """What may be done, of ClientMount, ClientWrite and ClientRootAccess. Raises Denied.

    https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html: where the file system has a policy, there is no way in
    without a permission. What a file system's own policy allows is not known here; what it denies to who comes in the clear, nobody meets.
    """
    backend: Any = get_backend("efs")[ACCOUNT][REGION]
    known, files = backend.access_points.get(point), backend.file_systems_by_id.get(file_system)
    if known is None or files is None or known.file_system_id != file_system:
        raise Denied(f"{file_system} has no access point {point}")
    try:
        signed = verify_presigned(f"https://{token}", world.principals, now=world.clock.now(), expires_max_s=TOKEN_S_MAX)
    except (BadSignature, ValueError) as error:
        raise Denied(str(error)) from error
    if (signed.service, signed.region, signed.host, dict(signed.asks)) != ("elasticfilesystem", REGION, file_system, {"Action": "Connect"}):
        raise Denied(f"signed for {signed.service} in {signed.region}, {signed.host}, {dict(signed.asks)}")
    if not files.file_system_policy:
        return _ACTIONS
    arn = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{file_system}"
    context = {
        "elasticfilesystem:accesspointarn": (known.access_point_arn,),
        "elasticfilesystem:accessedviamounttarget": ("true",),
        "aws:securetransport": ("true",),
    }
    may = tuple(action for action in _ACTIONS if allowed(world, signed.who.role_arn, f"elasticfilesystem:{action}", arn, context).allowed)
    if "ClientMount" not in may:
        raise Denied(f"{signed.who.role_arn} may not mount {file_system} through {point}")
    return may


class Targets:
    """Safe to call from any thread."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._open: dict[str, Target] = {}

    def make_folder(self, point: str, root: dict[str, Any]) -> None:
        """An access point's root is made when it is first used, as its creation info says:

        https://docs.aws.amazon.com/efs/latest/ug/enforce-root-directory-access-point.html; here with the access point. Of users the
        lab's machines have root and nobody alone.
        """
        info = root.get("CreationInfo") or {}
        folder = folder_of(self._world.lab_dir) / point
        folder.mkdir()
        folder.chmod(int(str(info.get("Permissions", "0755")), 8))
        owner = int(info.get("OwnerUid", 0)), int(info.get("OwnerGid", 0))
        if owner != (0, 0):
            os.chown(folder, *owner)

    def open(self, id_: str, file_system: str, address: str) -> None:
        """It has an address of the subnet, and the file system's name leads to it.

        https://docs.aws.amazon.com/efs/latest/ug/mounting-fs-mount-cmd-dns-name.html: in each zone to that zone's; here to all.
        """
        network = self._world.network
        if network is None:
            return
        network.attach(id_, address)
        listener = netns.listener(id_, address, PORT, hop_limit=64)
        with self._lock:
            self._open[id_] = Target(file_system, id_, address, listener)
        self._tell(file_system)
        threading.Thread(target=self._accept, args=(file_system, listener), name=f"efs {id_}", daemon=True).start()

    def close_one(self, id_: str) -> None:
        with self._lock:
            gone = self._open.pop(id_, None)
        if gone is not None:
            self._tell(gone.file_system)
            _shut(gone.listener)
            if self._world.network is not None:
                self._world.network.detach(gone.name)

    def close(self) -> None:
        for id_ in list(self._open):
            self.close_one(id_)

    def _tell(self, file_system: str) -> None:
        with self._lock:
            addresses = tuple(target.address for target in self._open.values() if target.file_system == file_system)
        self._world.names[f"{file_system}.efs.{REGION}.amazonaws.com"] = addresses

    def _accept(self, file_system: str, listener: socket.socket) -> None:
        while True:
            try:
                asker, _ = listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._answer, args=(file_system, asker), daemon=True).start()

    def _answer(self, file_system: str, asker: socket.socket) -> None:
        with asker, contextlib.suppress(OSError):
            asker.settimeout(_PATIENCE_S)
            try:
                asked = json.loads(asker.recv(_MESSAGE_BYTES, socket.MSG_WAITALL))
                point, token = str(asked["point"]), str(asked["token"])
                may = judge(self._world, file_system, point, token)
            except (ValueError, LookupError, TypeError, Denied) as error:
                self._world.journal.say("efs", f"{file_system} lets nobody in: {error}", file_system=file_system)
                asker.sendall(b"{}")
                return
            self._world.journal.say("efs", f"{file_system} is mounted through {point}", file_system=file_system, may=list(may))
            asker.sendall(json.dumps({"may": list(may)}).encode())


def _shut(listener: socket.socket) -> None:
    # A shutdown wakes the thread that waits in accept(); a close alone does not.
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
