"""Deterministic archives of what is shipped: same input, same bytes, whoever builds them and when."""

from __future__ import annotations

import hashlib
import importlib.util
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core import names

ROOT = Path(__file__).resolve().parent.parent
AGENT_VENDOR = ROOT / ".build" / "agent-vendor"
# The earliest time that a zip can hold: a time of its own would change the hash at each build.
EPOCH = (1980, 1, 1, 0, 0, 0)
NEVER_SHIPPED = frozenset({"__pycache__", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".DS_Store"})
# botocore carries the models of every AWS service (25 MB); the agent speaks to these.
AGENT_SERVICES = frozenset({"dynamodb", "s3", "secretsmanager"})
ARTIFACT_BYTES_MAX = 500 << 20  # of a tar, unpacked; the file format has the same limit for what it sees


class BadBundle(ValueError):
    """Something cannot be shipped: names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class Published:
    """A file that becomes an S3 asset; size in bytes."""

    path: Path
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of an archive: its name inside, its content on disk, whether it may be executed."""

    name: str
    source: Path
    executable: bool = False


def published(path: Path) -> Published:
    with path.open("rb") as file:
        return Published(path, hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)


def write_zip(path: Path, entries: Iterable[Entry]) -> Published:
    """Write entries sorted by name, with fixed times and modes 0755 or 0644."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for entry in sorted(entries, key=lambda entry: entry.name):
            info = zipfile.ZipInfo(entry.name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, so that the mode below is read on the other side
            info.external_attr = (stat.S_IFREG | (0o755 if entry.executable else 0o644)) << 16
            archive.writestr(info, entry.source.read_bytes())
    return published(path)


def files_of(folder: Path, prefix: str) -> Iterator[Entry]:
    """All files below a folder, caches left out; what a link inside the folder leads to takes the link's place.

    Raises BadBundle for any other link: the node would refuse it.
    """
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if NEVER_SHIPPED.intersection(relative.parts) or path.suffix == ".pyc":
            continue
        if path.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(root)):
            raise BadBundle(f"{path} is a link to a folder, to nothing, or out of {folder}: put what it leads to in its place")
        if path.is_file():
            yield Entry(f"{prefix}{relative.as_posix()}", path, bool(path.stat().st_mode & stat.S_IXUSR))


def lambdas_bundle(path: Path, fleet: str | None = None, root: Path = ROOT) -> Published:
    """One archive for all functions: lambdas/ and core/ under their own names; boto3 comes with the runtime.

    fleet: whom they watch (core.watching.fleet); None where that is registered elsewhere.
    """
    entries = [*files_of(root / "lambdas", "lambdas/"), *files_of(root / "core", "core/")]
    if fleet is None:
        return write_zip(path, entries)
    told = path.with_name(names.FLEET_FILE)
    told.write_text(fleet, encoding="utf-8")
    return write_zip(path, [*entries, Entry(names.FLEET_FILE, told)])


def users_bundle(path: Path, *, driver: bool = False, root: Path = ROOT) -> Published:
    """The same with the certificates of RDS, for the functions that make a database's user. driver: whether MariaDB's and MySQL's goes too.

    The driver is pure Python and comes from here, where requirements.txt pins it by its hash. Raises BadBundle when it is not there.
    """
    own = [*files_of(root / "lambdas", "lambdas/"), *files_of(root / "core", "core/")]
    carried = files_of(_installed("pymysql"), "pymysql/") if driver else ()
    return write_zip(path, [*own, *carried, Entry("rds-global-bundle.pem", root / "agent" / "rds-global-bundle.pem")])


def _installed(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise BadBundle(f"{package} is not installed: run `make setup`")
    return Path(found.origin).parent


def agent_bundle(path: Path, root: Path = ROOT, vendor: Path = AGENT_VENDOR) -> Published:
    """agent/, core/ and vendor/ for the node, which has no package index to ask."""
    if not (vendor / "botocore").is_dir():
        raise BadBundle(f"{vendor} has no botocore: run `make setup`, which installs what the agent carries")
    return write_zip(
        path,
        [
            *files_of(root / "agent", "agent/"),
            *files_of(root / "core", "core/"),
            *(entry for entry in files_of(vendor, "vendor/") if _agent_needs(entry.name)),
        ],
    )


def _agent_needs(name: str) -> bool:
    parts = name.split("/")[1:]
    if parts[0] == "bin" or parts[0].endswith(".dist-info"):
        return False
    if parts[:2] == ["boto3", "data"] or parts[:2] == ["boto3", "examples"]:
        return False  # resource models: the agent uses clients
    if parts[:2] == ["botocore", "data"] and len(parts) > 3:
        return parts[2] in AGENT_SERVICES and not parts[-1].startswith(("paginators", "waiters", "examples"))
    return True


def artifact_bundle(path: Path, source: Path) -> Published:
    """A folder, a .tgz/.tar.gz or a single file as an archive. Raises BadBundle naming what cannot be shipped."""
    if source.is_dir():
        return write_zip(path, files_of(source, ""))
    if not source.is_file():
        raise BadBundle(f"install.artifact: {source} does not exist")
    if source.name.endswith((".tgz", ".tar.gz")):
        with tempfile.TemporaryDirectory(prefix="understudy-") as folder:
            _unpack_tar(source, Path(folder))
            return write_zip(path, files_of(Path(folder), ""))
    return write_zip(path, [Entry(source.name, source, bool(source.stat().st_mode & stat.S_IXUSR))])


def _unpack_tar(source: Path, folder: Path) -> None:
    total = 0
    try:
        with tarfile.open(source, "r:gz") as archive:
            for member in archive:
                total += member.size
                if total > ARTIFACT_BYTES_MAX:
                    raise BadBundle(f"{source} holds more than {ARTIFACT_BYTES_MAX} bytes: bake it into the image instead")
                if not (member.isfile() or member.isdir()):
                    raise BadBundle(f"{source}: {member.name} is a link or a device: put a file in its place")
                archive.extract(member, folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BadBundle(f"{source} cannot be read as a gzipped tar: {error}") from error
