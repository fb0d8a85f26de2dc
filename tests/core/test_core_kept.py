"""State that is kept: what a tree is as bytes, whose word counts, and what a node does with what it finds."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from typing import Any

import pytest

from core.kept.manifest import BadManifest, Manifest, parse, to_bytes
from core.kept.rules import Do, Mark, Outcome, garbage, opening, outcome, overtaken_by, rest_s
from core.kept.tree import BYTES_MAX, ENTRIES_MAX, PIECE_BYTES, BadTree, Entry, Kind, Piece, cut, pack, too_much, unpack
from core.state import Keep, Persist, State, trouble_with

SHA = "a" * 64
TREE = (
    Entry(path="folder", kind=Kind.FOLDER, mode=0o750, uid=1, gid=2, user="daemon", group="bin"),
    Entry(path="folder/link", kind=Kind.LINK, mode=0o777, target="../elsewhere"),
    Entry(path="folder/\udcff", kind=Kind.FILE, mode=0o4755, mtime_ns=5, pieces=(Piece(SHA, 3, "2-7"), Piece("b" * 64, 2, "", b"hi"))),
    Entry(path="nothing", kind=Kind.FILE, mode=0o600),
)
MANIFEST = Manifest(epoch=2, number=7, instance="i-one", attempt="x", at_ms=1, saved=True, packed=pack(TREE))


def test_a_tree_and_its_manifest_come_back_as_they_were() -> None:
    assert unpack(pack(TREE)) == TREE
    assert parse(to_bytes(MANIFEST)) == MANIFEST
    beside = replace(MANIFEST, packed=b"", index=(Piece(SHA, 4, "2-7"),))
    assert parse(to_bytes(beside)) == beside


def packed(*rows: Any) -> bytes:
    return zlib.compress(json.dumps(rows).encode())


def row(path: str, kind: str = "file", **more: Any) -> dict[str, Any]:
    return {"p": path, "k": kind, "m": 0o600, "o": [0, 0, "", ""], "t": 0, **more}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "cut short"),
        (b"junk", "cannot be read"),
        (packed(row("../out")), "no path inside"),
        (packed(row("/etc/passwd")), "no path inside"),
        (packed(row("a/../../b")), "no path inside"),
        (packed(row("a//b")), "no path inside"),
        (packed(row("")), "no path inside"),
        (packed(row("link", "link", l="/etc"), row("link/passwd")), "lies in no folder"),
        (packed(row("a"), row("a")), "twice"),
        (packed(row("a", "device")), "device"),
        (packed(row("a", "link")), "belongs to another kind"),
        (packed(row("a", c=[["../../secret", 1, "1-1"]])), "no SHA-256"),
        (packed(row("a", c=[[SHA, 1, "../1"]])), "batch"),
        (packed(row("a", c=[[SHA, PIECE_BYTES + 1, "1-1"]])), "no whole number"),
        (packed(row("a", c=[[SHA, 9, "", "aGk="]])), "2 bytes, not 9"),
        (packed(row("a", m=0o200000)), "no whole number"),
        (packed("a"), "no entry"),
        (zlib.compress(b'{"a": 1}'), "no list"),
    ],
)
def test_a_tree_that_leads_out_or_makes_no_sense_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(BadTree, match=words):
        unpack(body)


@pytest.mark.parametrize("cut_at", range(0, len(to_bytes(MANIFEST)), 7))
def test_a_manifest_that_was_cut_short_is_refused(cut_at: int) -> None:
    with pytest.raises(BadManifest):
        parse(to_bytes(MANIFEST)[:cut_at])


def test_a_newer_agents_manifest_is_refused_and_its_unknown_keys_are_not() -> None:
    head, _, rest = to_bytes(MANIFEST).partition(b"\n")
    assert parse(json.dumps({**json.loads(head), "later": 1}).encode() + b"\n" + rest) == MANIFEST
    with pytest.raises(BadManifest, match="version is '2', this agent reads 1"):
        parse(json.dumps({**json.loads(head), "version": 2}).encode() + b"\n" + rest)


def test_files_are_cut_into_pieces_that_fit_in_memory() -> None:
    assert cut(0) == ()
    assert cut(PIECE_BYTES + 1) == ((0, PIECE_BYTES), (PIECE_BYTES, 1))


def test_more_than_is_kept_is_said_with_its_limit() -> None:
    assert too_much(ENTRIES_MAX, BYTES_MAX) is None
    assert str(ENTRIES_MAX) in str(too_much(ENTRIES_MAX + 1, 0))
    assert str(BYTES_MAX) in str(too_much(1, BYTES_MAX + 1))


# --- whose word counts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "may"),
    [
        (None, True),
        (replace(MANIFEST, epoch=4, instance="i-other"), True),
        (replace(MANIFEST, epoch=5, instance="i-me"), True),
        (replace(MANIFEST, epoch=5, instance="i-other"), False),
        (replace(MANIFEST, epoch=6, instance="i-other"), False),
        (replace(MANIFEST, epoch=6, instance="i-me"), False),
    ],
)
def test_only_the_highest_epoch_writes_and_of_one_epoch_only_its_node(found: Manifest | None, may: bool) -> None:
    assert (overtaken_by(found, instance="i-me", epoch=5) is None) is may


def test_a_lost_answer_is_told_by_the_attempt() -> None:
    mine = replace(MANIFEST, epoch=5, instance="i-me", attempt="mine")
    assert outcome(mine, mine) is Outcome.WRITTEN
    assert outcome(replace(mine, attempt="an earlier one of mine"), mine) is Outcome.NOT_WRITTEN
    assert outcome(None, mine) is Outcome.NOT_WRITTEN
    assert outcome(replace(mine, epoch=6, attempt="another"), mine) is Outcome.REFUSED


def found_by(instance: str, epoch: int, *, saved: bool = True) -> Manifest:
    return replace(MANIFEST, instance=instance, epoch=epoch, saved=saved)


@pytest.mark.parametrize(
    ("found", "mark", "runs", "auto", "rebind", "clean"),
    [
        (None, None, False, Do.BEGIN, Do.WAIT, Do.BEGIN),
        (found_by("i-other", 4, saved=False), None, False, Do.BEGIN, Do.WAIT, Do.BEGIN),
        (found_by("i-other", 4), None, False, Do.RESTORE, Do.RESTORE, Do.BEGIN),
        (found_by("i-other", 4), Mark("i-me", 3), False, Do.RESTORE, Do.RESTORE, Do.BEGIN),
        (found_by("i-me", 5), Mark("i-me", 5), True, Do.GO_ON, Do.GO_ON, Do.GO_ON),
        (found_by("i-me", 5), None, True, Do.GO_ON, Do.GO_ON, Do.GO_ON),
        (found_by("i-me", 5), None, False, Do.RESTORE, Do.RESTORE, Do.RESTORE),
        (found_by("i-me", 3), Mark("i-me", 5), False, Do.GO_ON, Do.GO_ON, Do.GO_ON),
        (found_by("i-me", 3), Mark("i-copied-image", 3), False, Do.RESTORE, Do.RESTORE, Do.BEGIN),
        (found_by("i-other", 4), None, True, Do.WAIT, Do.WAIT, Do.WAIT),
        (found_by("i-other", 6), Mark("i-me", 5), True, Do.REFUSE, Do.REFUSE, Do.REFUSE),
    ],
)
def test_what_becomes_of_the_folder_by_what_is_found(
    found: Manifest | None, mark: Mark | None, runs: bool, auto: Do, rebind: Do, clean: Do
) -> None:
    for persist, wanted in ((Persist.AUTO, auto), (Persist.REBIND, rebind), (Persist.CLEAN, clean)):
        assert opening(found, mark, instance="i-me", epoch=5, persist=persist, runs=runs).do is wanted


def test_what_two_manifests_need_is_no_garbage() -> None:
    stored = {key: Piece(SHA, 1, "1-1") for key in "abc"}
    assert garbage(stored, {"a"}, {"b"}) == ("c",)


def test_saves_keep_their_rhythm_leave_room_for_others_and_come_slower_while_they_fail() -> None:
    assert rest_s(5.0, 1.0, 0) == 4.0
    assert rest_s(5.0, 20.0, 0) == 10.0
    assert [rest_s(1.0, 0.0, failures) for failures in (1, 2, 3, 10)] == [1.0, 2.0, 4.0, 30.0]
    assert rest_s(300.0, 0.0, 1) == 300.0


def test_a_folder_of_the_systems_is_not_kept() -> None:
    assert trouble_with("/var/lib/ledger") is None
    for path in ("/", "/var", "/var/lib/understudy", "/run/x", "relative", "/a/../b", "/a/"):
        assert trouble_with(path) is not None
    with pytest.raises(ValueError, match=r"state.path is '/etc'"):
        State(keep=Keep.S3, path="/etc")
    with pytest.raises(ValueError, match="is missing"):
        State(keep=Keep.S3)
