"""What the lab says before it deploys what cannot work on its machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab import session
from lab.refusals import refusals


def publish(folder: Path, *users: str | None) -> None:
    """An agent's settings among a template's assets, an application for each user."""
    applications = [{"name": f"app{number}", "user": user} for number, user in enumerate(users)]
    settings = {"version": 1, "deployable": "demo", "assembly": {"name": "counter", "applications": applications}}
    (folder / "asset.0a1b.json").write_text(json.dumps(settings))


def test_another_user_than_root_is_refused_by_name(tmp_path: Path) -> None:
    publish(tmp_path, None, "ledger", "root")

    (said,) = refusals(tmp_path)

    assert said.startswith("counter/app1 runs as the user ledger: a machine of the lab has one user, root")


def test_what_only_looks_like_settings_is_nobodys_user(tmp_path: Path) -> None:
    for name, text in (("1", "[]"), ("2", "no json"), ("3", '{"assembly": "x"}'), ("4", '{"assembly": {"applications": ["x"]}}')):
        (tmp_path / f"asset.{name}.json").write_text(text)

    assert refusals(tmp_path) == []


def test_it_is_said_before_anything_is_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def synthesize(_deployable: Path, out: Path) -> None:
        out.mkdir()
        publish(out, "ledger")

    deployed: list[Path] = []
    monkeypatch.setattr("lab.deploy.synthesize", synthesize)
    monkeypatch.setattr("lab.deploy.deploy", lambda out, **_: deployed.append(out))

    with pytest.raises(session.LabFailed, match="runs as the user ledger"):
        session.Session(tmp_path, Path("demo.yaml"), lambda _line: None).put_up()
    assert deployed == []
