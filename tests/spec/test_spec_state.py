"""What the file says of state, and what it cannot say."""

from __future__ import annotations

from pathlib import Path

import pytest

import spec
from core.state import Keep, Persist, State

FILE = """\
deployable: ledger
assemblies:
  - name: scheduler
    image: {image}
    instances: [t4g.small]
    state: {state}
    applications:
      - name: ledger
        install: {{artifact: ./bin, to: {to}}}
        run: {{exec: [/opt/ledger/ledger]}}
"""


@pytest.fixture
def load(tmp_path: Path):  # type: ignore[no-untyped-def]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ledger").touch()

    def loaded(state: str, to: str = "/opt/ledger", image: str = "debian-12") -> State:
        (tmp_path / "file.yaml").write_text(FILE.format(state=state, to=to, image=image))
        return spec.load(tmp_path / "file.yaml").assemblies[0].state

    return loaded


def test_a_file_system_is_for_images_that_can_mount_it(load) -> None:  # type: ignore[no-untyped-def]
    """https://docs.aws.amazon.com/efs/latest/ug/installing-amazon-efs-utils.html"""
    own = "ami-0123456789abcdef0\n    root_device: /dev/xvda"
    for image in ("amazon-linux-2023", own):
        found = load("{keep: efs, path: /var/lib/ledger}", image=image)
        assert (found.keep, found.path, found.mounted, found.on_volume) == (Keep.EFS, "/var/lib/ledger", True, False)

    for image in ("debian-12", "ubuntu-24.04"):
        with pytest.raises(spec.SpecError) as caught:
            load("{keep: efs, path: /var/lib/ledger}", image=image)
        [problem] = caught.value.problems
        assert problem.key == "assemblies[0].state.keep"
        assert "amazon-efs-utils" in problem.message
        assert "amazon-linux-2023" in problem.remedy


def test_a_file_system_has_no_size_and_no_saves(load) -> None:  # type: ignore[no-untyped-def]
    for more in ("size: 8G", "every: 5s", "persist: CLEAN"):
        with pytest.raises(spec.SpecError, match=r"which has no|has a size"):
            load(f"{{keep: efs, path: /var/lib/ledger, {more}}}", image="amazon-linux-2023")


def test_a_folder_on_s3_is_saved_every_five_seconds_and_used_when_it_is_there(load) -> None:  # type: ignore[no-untyped-def]
    assert load("{keep: s3, path: /var/lib/ledger}") == State(keep=Keep.S3, path="/var/lib/ledger", persist=Persist.AUTO, every_s=5.0)


def test_everything_can_be_said(load) -> None:  # type: ignore[no-untyped-def]
    state = load("{keep: s3, path: /srv/ledger, persist: REBIND, every: 1m, snapshot: [/opt/ledger/snapshot, --quick]}")
    assert state == State(
        keep=Keep.S3, path="/srv/ledger", persist=Persist.REBIND, every_s=60.0, snapshot=("/opt/ledger/snapshot", "--quick")
    )


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("{keep: s3}", "does not say which folder"),
        ("{keep: none, path: /var/lib/x}", "keeps nothing, and says path"),
        ("{keep: none, persist: AUTO}", "keeps nothing, and says persist"),
        ("{keep: s3, path: /var/lib}", "is a folder of the system"),
        ("{keep: s3, path: /etc/ledger}", "is a place of the system"),
        ("{keep: s3, path: /var/lib/understudy/x}", "is a place of the system"),
        ("{keep: s3, path: /var/lib/../x}", "is not an absolute path"),
        ("{keep: s3, path: /srv/x, every: 100ms}", "is not between 1s and 1h"),
        ("{keep: s3, path: /srv/x, snapshot: [snapshot]}", "absolute"),
        ("{keep: s3, path: /srv/x, persist: SOMETIMES}", "'AUTO', 'REBIND', 'CLEAN' or 'DISABLED'"),
        ("{keep: s3, path: /opt/ledger/data}", "lies in, or around, the state's"),
        ("{keep: s3, path: /opt}", "is a place of the system"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_reason(load, state: str, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(spec.SpecError) as refused:
        load(state)
    assert words in "\n".join(str(problem) for problem in refused.value.problems)
