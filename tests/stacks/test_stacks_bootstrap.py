"""The program in a node's user data: signs as AWS's SDK does, checks what it gets, and can run again."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from stacks import bootstrap_program as program
from stacks.bootstrap import Item, release_of, user_data

KEYS = {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG", "Token": "a/session+token=="}
NOW = datetime.datetime(2026, 11, 21, 9, 0, 0, tzinfo=datetime.UTC)


class Cloud(BaseHTTPRequestHandler):
    """The metadata service and S3 on one port; S3 may first fail a number of times."""

    objects: ClassVar[dict[str, bytes]] = {}
    failures: ClassVar[list[int]] = []
    asked: ClassVar[list[str]] = []

    def do_PUT(self) -> None:
        self._answer(200, b"token" if self.headers.get("X-aws-ec2-metadata-token-ttl-seconds") else b"")

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path.startswith("/latest/"):
            if self.headers.get("X-aws-ec2-metadata-token") != "token":
                self._answer(401, b"")
            elif self.path.endswith("/security-credentials/"):
                self._answer(200, b"node-role")
            else:
                self._answer(200, json.dumps(KEYS).encode())
        elif self.failures:
            self._answer(self.failures.pop(), b"<Error/>")
        elif "Authorization" not in self.headers:
            self._answer(403, b"unsigned")
        else:
            found = self.objects.get(self.path)
            self._answer(404 if found is None else 200, found or b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output quiet."""


@pytest.fixture
def cloud() -> Iterator[str]:
    Cloud.objects, Cloud.failures, Cloud.asked = {}, [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Cloud)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def publish(key: str, content: bytes) -> dict[str, Any]:
    Cloud.objects[f"/assets/{key}"] = content
    return {"key": key, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def zipped(path: Path, files: dict[str, str], mode: int = 0o644) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100000 | mode) << 16
            archive.writestr(info, text)
    return path.read_bytes()


def manifest_of(home: Path, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "home": str(home),
        "release": "r1",
        "bucket": "assets",
        "region": "us-east-1",
        "suffix": "amazonaws.com",
        "items": items,
    }


# --- asking ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["https://assets.s3.us-east-1.amazonaws.com/a1b2.zip", "http://127.0.0.1:4566/assets/folder/a%20b.zip"])
def test_a_request_is_signed_as_awss_own_signer_does(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    ours = program.sign(url, "us-east-1", KEYS, NOW)

    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOW.replace(tzinfo=None))
    request = AWSRequest("GET", url, headers={"x-amz-content-sha256": ours["x-amz-content-sha256"]})
    signer = SigV4Auth(Credentials(KEYS["AccessKeyId"], KEYS["SecretAccessKey"], KEYS["Token"]), "s3", "us-east-1")
    # S3 takes a path as it stands; the general signer would encode it a second time.
    monkeypatch.setattr(signer, "_normalize_url_path", lambda path: path)
    signer.add_auth(request)
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]
    assert ours["Authorization"] == request.headers["Authorization"]


def test_objects_are_asked_of_the_regions_own_host_or_of_the_endpoint_that_the_sdks_variables_name() -> None:
    manifest = manifest_of(Path("/home"), [])
    assert program.object_url(manifest, "k.zip", {}) == "https://assets.s3.us-east-1.amazonaws.com/k.zip"
    lab = {"AWS_ENDPOINT_URL": "http://lab:4566/"}
    assert program.object_url(manifest, "k.zip", lab) == "http://lab:4566/assets/k.zip"
    assert program.object_url(manifest, "k.zip", {**lab, "AWS_ENDPOINT_URL_S3": "http://s3:1"}) == "http://s3:1/assets/k.zip"


def test_the_roles_keys_come_by_a_token(cloud: str) -> None:
    assert program.node_credentials(cloud) == KEYS


# --- fetching --------------------------------------------------------------------------------------


def test_passing_failures_are_tried_again(cloud: str, tmp_path: Path) -> None:
    item = publish("k.zip", b"content")
    Cloud.failures = [503, 403]
    waits: list[float] = []
    program.fetch(manifest_of(tmp_path, []), item, tmp_path / "k", {"AWS_ENDPOINT_URL": cloud}, imds=cloud, sleep=waits.append)
    assert (tmp_path / "k").read_bytes() == b"content"
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize("content", [b"cONTENT", b"content and more", b"short", b""])
def test_another_object_than_the_published_one_is_refused_after_bounded_tries(cloud: str, tmp_path: Path, content: bytes) -> None:
    item = publish("k.zip", b"content")
    Cloud.objects["/assets/k.zip"] = content
    waits: list[float] = []
    with pytest.raises(SystemExit, match=r"gave up on k\.zip"):
        program.fetch(manifest_of(tmp_path, []), item, tmp_path / "k", {"AWS_ENDPOINT_URL": cloud}, imds=cloud, sleep=waits.append)
    assert len(waits) == program.ATTEMPTS - 1
    assert sum(waits) < 60


def test_a_metadata_service_that_is_not_there_is_given_up_on(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:1"
    with pytest.raises(SystemExit):
        program.fetch(manifest_of(tmp_path, []), {"key": "k", "size": 0}, tmp_path / "k", {}, imds=nobody, sleep=lambda _: None)


# --- unpacking -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..\\evil"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    zipped(tmp_path / "a.zip", {name: "evil"})
    with pytest.raises(ValueError, match="refused"):
        program.unpack(tmp_path / "a.zip", tmp_path / "out")
    assert not list(tmp_path.rglob("evil"))


def test_a_link_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ValueError, match="refused"):
        program.unpack(tmp_path / "a.zip", tmp_path / "out")


def test_modes_are_kept(tmp_path: Path) -> None:
    zipped(tmp_path / "a.zip", {"bin/run": "#!/bin/sh\n"}, mode=0o755)
    program.unpack(tmp_path / "a.zip", tmp_path / "out")
    assert os.access(tmp_path / "out" / "bin" / "run", os.X_OK)


# --- the whole -------------------------------------------------------------------------------------


def laid_out(cloud: str, tmp_path: Path, text: str = "one") -> tuple[Path, Path]:
    """Publish an agent, its settings and an application; run the program; give home and the application's folder."""
    home, app = tmp_path / "home", tmp_path / "app"
    items = [
        {**publish("agent.zip", zipped(tmp_path / "z", {"agent/__main__.py": "pass\n"})), "kind": "zip", "to": f"{home}/r1/agent"},
        {**publish("agent.json", b"{}\n"), "kind": "file", "to": f"{home}/r1/agent.json"},
        {**publish(f"{text}.zip", zipped(tmp_path / "z", {"run.py": text})), "kind": "zip", "to": str(app)},
    ]
    home.mkdir(exist_ok=True)
    (home / "manifest.json").write_text(json.dumps(manifest_of(home, items)))
    program.main(str(home / "manifest.json"), {"AWS_ENDPOINT_URL": cloud}, imds=cloud)
    return home, app


def test_everything_lies_where_the_unit_looks_for_it(cloud: str, tmp_path: Path) -> None:
    home, app = laid_out(cloud, tmp_path)
    assert (home / "current" / "agent" / "agent" / "__main__.py").read_text() == "pass\n"
    assert (home / "current" / "agent.json").read_text() == "{}\n"
    assert (app / "run.py").read_text() == "one"
    assert not [path for path in tmp_path.rglob(".*") if path.name.endswith((".new", ".fetched", ".old"))]


def test_running_it_again_fetches_nothing_and_leaves_an_applications_own_files_alone(cloud: str, tmp_path: Path) -> None:
    _, app = laid_out(cloud, tmp_path)
    (app / "state").write_text("mine")
    Cloud.asked.clear()
    laid_out(cloud, tmp_path)
    assert Cloud.asked == []
    assert (app / "state").read_text() == "mine"


def test_another_version_takes_the_place_of_the_one_before(cloud: str, tmp_path: Path) -> None:
    laid_out(cloud, tmp_path)
    _, app = laid_out(cloud, tmp_path, text="two")
    assert [(path.name, path.read_text()) for path in app.iterdir()] == [("run.py", "two")]


def test_a_run_that_was_cut_off_is_finished_by_the_next(cloud: str, tmp_path: Path) -> None:
    (tmp_path / ".app.new").mkdir()
    (tmp_path / ".app.new" / "half").write_text("half")
    _, app = laid_out(cloud, tmp_path)
    assert [path.name for path in app.iterdir()] == ["run.py"]


# --- the script ------------------------------------------------------------------------------------


def script(items: list[Item]) -> str:
    return user_data(
        image="debian-12", bucket="b", region="r", suffix="s", release="r1", items=items, environment=(("UNDERSTUDY_TABLE", "t"),)
    )


def test_the_script_is_bash_and_carries_the_program_to_the_letter(tmp_path: Path) -> None:
    text = script([Item(key="k", sha256="0", size=1, kind="zip", to="/opt/app")])
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run([bash, "-n"], input=text, capture_output=True, text=True, timeout=10)
    assert done.returncode == 0, done.stderr
    assert Path(program.__file__).read_text() in text
    assert json.loads(text.split("<<'UNDERSTUDY-MANIFEST'\n")[1].split("\nUNDERSTUDY-MANIFEST\n")[0])["release"] == "r1"


def test_user_data_that_would_not_fit_is_refused() -> None:
    many = [Item(key=f"{n:064}.zip", sha256="0" * 64, size=1, kind="zip", to=f"/opt/app{n}") for n in range(60)]
    with pytest.raises(ValueError, match="fewer artifacts"):
        script(many)


def test_a_release_is_named_by_what_is_in_it() -> None:
    assert release_of(["a", "b"]) != release_of(["a", "c"])
    assert release_of(["a", "b"]) == release_of(["a", "b"])
