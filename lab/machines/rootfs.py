"""The machine's own root: folders of its own, the host's programs read-only, and nothing else of the host.

Built from bind mounts over a tmpfs, for an overlay may not be mounted in a user namespace everywhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC = 1, 2, 4, 8, 32, 4096, 16384  # linux/mount.h
_MNT_DETACH = 2
_KEPT_FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC | 1024 | 2048  # and noatime, nodiratime: locked in a user namespace
_RELATIME = 1 << 21
_libc = ctypes.CDLL(None, use_errno=True)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FRESH = (
    "etc",
    "opt",
    "var/lib/cloud",
    "var/cache",
    "var/spool",
    "var/log",
    "run/systemd",
    "tmp",
    "var/tmp",
    "root",
    "home",
    "srv",
    "proc",
    "sys",
    "dev",
    "mnt",
)
_OF_ONE_BOOT = ("run", "tmp")  # file-hierarchy(7), tmpfiles.d(5)
_ETC_OF_HOST = (
    "ssl",
    "pki",
    "ca-certificates",
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "services",
    "protocols",
)
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def mount(source: str, target: Path, kind: str | None, flags: int = 0, data: str | None = None) -> None:
    """mount(2). Raises OSError with the target in it."""
    encoded = [None if text is None else text.encode() for text in (source, str(target), kind, data)]
    if _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {kind or 'bind'}: {os.strerror(number)}", str(target))


def unmount(target: Path) -> None:
    """umount2(2), lazily. Raises OSError with the target in it."""
    if _libc.umount2(str(target).encode(), _MNT_DETACH) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"umount: {os.strerror(number)}", str(target))


def bind(source: Path, target: Path, *, read_only: bool = True) -> None:
    """Show a file or folder of the host in the new root."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount(str(source), target, None, MS_BIND | MS_REC)
    if read_only:
        # Flags that a less privileged namespace may not clear have to be named again.
        kept = os.statvfs(target).f_flag
        flags = kept & _KEPT_FLAGS | (_RELATIME if kept & 4096 else 0)
        mount("none", target, None, MS_REMOUNT | MS_BIND | MS_RDONLY | flags)


def build(new: Path, boot: dict[str, Any]) -> None:
    """Lay out a root at the folder `new`, a disk that earlier boots may have written to: what is there stays.

    boot: hostname, address, logs, disks, environment, etc, systemctl, interpreter.
    """
    for folder in _OF_ONE_BOOT:
        shutil.rmtree(new / folder, ignore_errors=True)
    for folder in _FRESH:
        (new / folder).mkdir(parents=True, exist_ok=True)
    for folder in ("tmp", "var/tmp"):
        (new / folder).chmod(0o1777)
    (new / "root").chmod(0o700)
    _link(new / "var/run", "/run")
    _programs(new, boot)
    _settings(new / "etc", boot)
    _devices(new / "dev")
    mount("proc", new / "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    _boot_id(new)
    with contextlib.suppress(OSError):  # some containers do not allow it; nothing here depends on it
        mount("sysfs", new / "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY)
    bind(Path(boot["logs"]), new / "var/log", read_only=False)
    bind(Path(boot["disks"]), new / "dev/disk/by-id", read_only=False)
    bind(Path(boot["files"]), new / "dev/disk/efs", read_only=False)


def enter(new: Path) -> None:
    """Make it the root of this mount namespace and let go of the old one."""
    (new / ".old").mkdir(exist_ok=True)
    os.chdir(new)
    subprocess.run(["pivot_root", ".", ".old"], check=True)
    os.chdir("/")
    unmount(Path("/.old"))
    os.rmdir("/.old")


def _programs(new: Path, boot: dict[str, Any]) -> None:
    """The host's /usr read-only, but its folders of programs as links, so that some of them can be the lab's."""
    (new / "usr").mkdir(exist_ok=True)
    for entry in os.scandir("/usr"):
        if entry.is_symlink():
            _link(new / "usr" / entry.name, os.readlink(entry.path))
        elif entry.name not in ("bin", "sbin") and entry.is_dir(follow_symlinks=False):
            bind(Path(entry.path), new / "usr" / entry.name)
    disk_tools = dict.fromkeys(("mount", "umount", "blkid", "mkfs.ext4", "e2fsck"), boot["disk_tools"])
    helper = {"mount.efs": boot["mount_efs"]}
    merged = Path("/usr/sbin").is_symlink()
    _links(new, "bin", {"systemctl": boot["systemctl"], "python3": boot["python3"], **disk_tools, **(helper if merged else {})})
    if not merged:
        _links(new, "sbin", {**{name: disk_tools[name] for name in ("blkid", "mkfs.ext4", "e2fsck")}, **helper})
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        host = Path("/", name)
        if host.is_symlink():
            _link(new / name, os.readlink(host))
        elif host.is_dir():
            bind(host, new / name)
    for extra in boot["also"]:
        bind(Path(extra), new / extra.lstrip("/"))


def _links(new: Path, name: str, ours: dict[str, str | None]) -> None:
    """A folder of links to the host's programs, save those that are ours."""
    bind(Path("/usr", name), new / f"usr/host-{name}")
    own = new / "usr" / name
    own.mkdir(exist_ok=True)
    for program in os.listdir(f"/usr/{name}"):
        if ours.get(program) is None:
            _link(own / program, f"/usr/host-{name}/{program}")
    for program, text in ours.items():
        if text is not None:
            (own / program).write_text(text)
            (own / program).chmod(0o755)


def _link(path: Path, target: str) -> None:
    with contextlib.suppress(FileExistsError):
        path.symlink_to(target)


def _boot_id(new: Path) -> None:
    """random(4): another one at every boot; without it all machines would tell the host's."""
    own = new / "dev/.boot_id"
    own.write_text(f"{uuid.uuid4()}\n")
    with contextlib.suppress(OSError):  # as above: where it is not allowed, they do tell the host's
        mount(str(own), new / "proc/sys/kernel/random/boot_id", None, MS_BIND)


def _settings(etc: Path, boot: dict[str, Any]) -> None:
    texts = {
        "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        "group": "root:x:0:\nnogroup:x:65534:\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "hosts": f"127.0.0.1 localhost\n{boot['address']} {boot['hostname']}.ec2.internal {boot['hostname']}\n",
        "hostname": boot["hostname"] + "\n",
        "resolv.conf": f"search ec2.internal\nnameserver {boot['resolver']}\n",
        "machine-id": os.urandom(16).hex() + "\n",
        "environment": "".join(f'{key}="{value}"\n' for key, value in boot["environment"].items()),
        **boot["etc"],
    }
    for name, text in texts.items():
        if not (etc / name).exists():
            (etc / name).write_text(text)
    (etc / "systemd/system/multi-user.target.wants").mkdir(parents=True, exist_ok=True)
    present = [name for name in _ETC_OF_HOST if Path("/etc", name).exists()]
    present += [path.name for path in Path("/etc").glob("python3*") if path.is_dir()]
    for name in present:
        bind(Path("/etc", name).resolve(), etc / name)


def _devices(dev: Path) -> None:
    mount("dev", dev, "tmpfs", MS_NOSUID, "size=64k,mode=755")
    for name in _DEVICES:
        if Path("/dev", name).exists():
            bind(Path("/dev", name), dev / name, read_only=False)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"), ("console", "/proc/1/fd/1")):
        (dev / name).symlink_to(target)
    (dev / "shm").mkdir()
    mount("shm", dev / "shm", "tmpfs", MS_NOSUID | MS_NODEV, "size=256m,mode=1777")
