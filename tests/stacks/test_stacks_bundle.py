"""Archives are the same bytes whoever builds them, hold what a node needs, and refuse what it would refuse."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from core import names
from stacks.bootstrap_program import unpack
from stacks.bundle import BadBundle, agent_bundle, artifact_bundle, lambdas_bundle, users_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "bin").mkdir(parents=True)
    (source / "bin" / "run").write_text("#!/bin/sh\n")
    (source / "bin" / "run").chmod(0o755)
    (source / "data.txt").write_text("data\n")
    return source


def modes(path: Path) -> dict[str, int]:
    with zipfile.ZipFile(path) as archive:
        return {info.filename: (info.external_attr >> 16) & 0o777 for info in archive.infolist()}


def test_touching_files_and_leaving_caches_about_changes_no_byte(folder: Path, tmp_path: Path) -> None:
    first = artifact_bundle(tmp_path / "first.zip", folder)
    os.utime(folder / "data.txt", (1_000_000_000, 1_000_000_000))
    (folder / "data.txt").chmod(0o600)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"cache")

    second = artifact_bundle(tmp_path / "second.zip", folder)
    assert first.sha256 == second.sha256
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()


def test_a_folder_keeps_what_may_be_executed(folder: Path, tmp_path: Path) -> None:
    artifact_bundle(tmp_path / "out.zip", folder)
    assert modes(tmp_path / "out.zip") == {"bin/run": 0o755, "data.txt": 0o644}


def test_a_gzipped_tar_becomes_the_same_archive_as_its_folder(folder: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "source.tgz", "w:gz") as archive:
        archive.add(folder, arcname=".")
    from_tar = artifact_bundle(tmp_path / "tar.zip", tmp_path / "source.tgz")
    assert from_tar.sha256 == artifact_bundle(tmp_path / "folder.zip", folder).sha256


def test_a_single_file_stands_alone_in_its_archive(folder: Path, tmp_path: Path) -> None:
    artifact_bundle(tmp_path / "out.zip", folder / "bin" / "run")
    assert modes(tmp_path / "out.zip") == {"run": 0o755}


def test_a_link_inside_the_folder_becomes_the_file_it_leads_to(folder: Path, tmp_path: Path) -> None:
    (folder / "again.txt").symlink_to("data.txt")
    artifact_bundle(tmp_path / "out.zip", folder)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.read("again.txt") == b"data\n"


@pytest.mark.parametrize("leads_to", ["/etc/hostname", "bin", "nowhere"])
def test_a_link_that_leads_elsewhere_is_refused_by_name(folder: Path, tmp_path: Path, leads_to: str) -> None:
    (folder / "odd").symlink_to(leads_to)
    with pytest.raises(BadBundle, match="odd is a link"):
        artifact_bundle(tmp_path / "out.zip", folder)


def test_a_missing_artifact_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match=r"missing\.tgz does not exist"):
        artifact_bundle(tmp_path / "out.zip", tmp_path / "missing.tgz")


@pytest.mark.parametrize("content", [b"", b"not a tar", b"\x1f\x8b\x08garbage"])
def test_a_broken_tar_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.tgz").write_bytes(content)
    with pytest.raises(BadBundle, match="cannot be read"):
        artifact_bundle(tmp_path / "out.zip", tmp_path / "bad.tgz")


def test_a_tar_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "evil.tgz", "w:gz") as archive:
        info = tarfile.TarInfo("../evil")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"evil"))
    with pytest.raises(BadBundle, match="cannot be read"):
        artifact_bundle(tmp_path / "out.zip", tmp_path / "evil.tgz")
    assert not (tmp_path / "evil").exists()


def test_functions_get_their_code_and_core_and_nothing_else(tmp_path: Path) -> None:
    lambdas_bundle(tmp_path / "lambdas.zip")
    found = modes(tmp_path / "lambdas.zip")
    assert {name.split("/")[0] for name in found} <= {"lambdas", "core"}
    assert "core/names.py" in found
    assert not [name for name in found if "test" in name or name.endswith(".pyc")]


def test_a_fleet_is_a_file_beside_the_functions_code(tmp_path: Path) -> None:
    plain, told = lambdas_bundle(tmp_path / "plain.zip"), lambdas_bundle(tmp_path / "told.zip", "{}")

    assert set(modes(told.path)) - set(modes(plain.path)) == {names.FLEET_FILE}
    assert told.sha256 != plain.sha256


def test_the_agent_brings_its_libraries_but_only_the_services_it_speaks_to(tmp_path: Path) -> None:
    agent_bundle(tmp_path / "agent.zip")
    found = modes(tmp_path / "agent.zip")
    assert {name.split("/")[0] for name in found} == {"agent", "core", "vendor"}
    services = {name.split("/")[3] for name in found if name.startswith("vendor/botocore/data/") and name.count("/") > 3}
    assert services == {"dynamodb", "s3", "secretsmanager"}
    assert not [name for name in found if name.endswith(".so")], "pure Python: it runs on every architecture"
    assert {"vendor/h11/__init__.py", "vendor/prometheus_client/__init__.py"} <= found.keys()
    assert {found[f"agent/scripts/{script}"] for script in ("monitor", "online", "offline", "clean")} == {0o755}


def test_without_its_libraries_the_agent_is_not_shipped(tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match="make setup"):
        agent_bundle(tmp_path / "agent.zip", vendor=tmp_path / "none")


def test_the_trimmed_libraries_make_the_clients_that_the_agent_uses(tmp_path: Path) -> None:
    bundle = agent_bundle(tmp_path / "agent.zip")
    unpack(bundle.path, tmp_path / "agent")
    program = (
        "import boto3; s = boto3.session.Session(region_name='us-east-1', aws_access_key_id='a', aws_secret_access_key='b');"
        "print(boto3.__file__, s.client('dynamodb').meta.endpoint_url, s.client('s3').meta.endpoint_url)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={"PYTHONPATH": str(tmp_path / "agent" / "vendor"), "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout
    assert "dynamodb.us-east-1.amazonaws.com" in done.stdout


def test_the_driver_of_mariadb_and_mysql_goes_only_where_it_is_needed_and_holds_nothing_that_was_built(tmp_path: Path) -> None:
    without, carried = users_bundle(tmp_path / "a.zip"), users_bundle(tmp_path / "b.zip", driver=True)

    added = modes(carried.path).keys() - modes(without.path).keys()
    assert "pymysql/connections.py" in added
    assert {Path(name).suffix for name in added} <= {".py", ".typed"}
    assert carried.size - without.size < 60_000
