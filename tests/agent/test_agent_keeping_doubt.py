"""A node that saves when it must not, finds what it cannot trust, or is cut off: nobody's newer state is written over."""

from __future__ import annotations

import os

import pytest

from agent.keeping.saver import Superseded
from agent.ports import Unreachable
from core.kept.manifest import BadManifest
from core.kept.rules import Do
from core.kept.tree import BadTree
from tests.agent.kept_worlds import FakeStore, Machine, contents
from tests.agent.test_agent_keeping import first, opened, second, store

__all__ = ["first", "second", "store"]  # fixtures


def test_a_superseded_node_can_neither_save_nor_open_again(store: FakeStore, first: Machine, second: Machine) -> None:
    old, _ = opened(first, store, 1)
    (first.folder / "a").write_bytes(b"old")
    old.save(first.folder)
    new, _ = opened(second, store, 2)
    (first.folder / "a").write_bytes(b"written by a node that does not know yet")
    with pytest.raises(Superseded, match="epoch 2, by i-second"):
        old.save(first.folder)
    with pytest.raises(Superseded):
        opened(first, store, 1)
    assert not new.save(second.folder).wrote
    assert contents(second.folder) == {"a": b"old"}


def test_the_claim_comes_before_the_state_is_fetched(store: FakeStore, first: Machine, second: Machine) -> None:
    """Else the former holder could still add what the new one never sees."""
    old, _ = opened(first, store, 1)
    (first.folder / "big").write_bytes(os.urandom(100_000))
    old.save(first.folder)
    seen: list[str] = []

    def sneak_in(verb: str, key: str) -> None:
        if verb == "get" and "/pieces/" in key and not seen:
            seen.append(key)
            (first.folder / "late").write_bytes(b"x")
            with pytest.raises(Superseded):
                old.save(first.folder)

    store.before = sneak_in
    opened(second, store, 2)
    assert seen
    assert contents(second.folder).keys() == {"big"}


@pytest.mark.parametrize("newer", [1, 3])
def test_the_same_node_never_restores_over_its_own_newer_folder(store: FakeStore, first: Machine, newer: int) -> None:
    """A restart of the agent, or the permit given to it once more: what it has on its disk is the newest there is."""
    saver, _ = opened(first, store, 1)
    (first.folder / "a").write_bytes(b"saved")
    saver.save(first.folder)
    (first.folder / "a").write_bytes(b"not saved yet")

    again, done = opened(first, store, newer)

    assert done is Do.GO_ON
    assert contents(first.folder) == {"a": b"not saved yet"}
    assert again.save(first.folder).wrote


def test_a_node_that_comes_back_after_another_wrote_takes_what_that_one_saved(store: FakeStore, first: Machine, second: Machine) -> None:
    saver, _ = opened(first, store, 1)
    (first.folder / "a").write_bytes(b"1")
    saver.save(first.folder)
    other, _ = opened(second, store, 2)
    (second.folder / "a").write_bytes(b"2")
    other.save(second.folder)
    (first.folder / "a").write_bytes(b"stale")

    _, done = opened(first, store, 3)

    assert done is Do.RESTORE
    assert contents(first.folder) == {"a": b"2"}
    assert contents(first.root / ".data.stale") == {"a": b"stale"}


def test_a_restore_that_dies_half_way_is_done_again(store: FakeStore, first: Machine, second: Machine) -> None:
    saver, _ = opened(first, store, 1)
    for number in range(3):
        (first.folder / str(number)).write_bytes(os.urandom(10_000))
    saver.save(first.folder)
    pieces: list[str] = []

    def die(verb: str, key: str) -> None:
        pieces.extend([key] if verb == "get" and "/pieces/" in key else [])
        if len(pieces) == 2:
            raise Unreachable("the network is gone")

    store.before = die
    with pytest.raises(Unreachable):
        opened(second, store, 2)
    assert contents(second.folder) == {}
    store.before = lambda verb, key: None
    _, done = opened(second, store, 2)
    assert done is Do.RESTORE
    assert contents(second.folder) == contents(first.folder)


@pytest.mark.parametrize("how", ["missing", "other bytes", "emptied"])
def test_a_piece_that_is_not_what_was_saved_is_refused_and_the_folder_stays_as_it_was(
    store: FakeStore, first: Machine, second: Machine, how: str
) -> None:
    saver, _ = opened(first, store, 1)
    (first.folder / "a").write_bytes(os.urandom(10_000))
    saver.save(first.folder)
    (key,) = [key for key in store.objects if "/pieces/" in key]
    if how == "missing":
        del store.objects[key]
    else:
        store.objects[key] = b"" if how == "emptied" else b"x" * 10_000
    with pytest.raises(BadTree, match="piece 1-"):
        opened(second, store, 2)
    assert contents(second.folder) == {}
    assert not (second.root / "agent" / "kept.json").exists()


@pytest.mark.parametrize("body", [b"", b"{}\n", b"junk", b'{"version": 2}\n', b'{"version": 1, "packed": "x"}\nabc'])
def test_a_manifest_that_cannot_be_read_is_never_written_over(store: FakeStore, first: Machine, body: bytes) -> None:
    store.objects["state/demo/counter/manifest"] = body
    with pytest.raises(BadManifest):
        opened(first, store, 5)
    assert store.objects == {"state/demo/counter/manifest": body}


def test_a_write_whose_answer_was_lost_is_found_out_by_reading(store: FakeStore, first: Machine, second: Machine) -> None:
    saver, _ = opened(first, store, 1)
    (first.folder / "a").write_bytes(b"1")
    store.lost = True
    with pytest.raises(Unreachable):
        saver.save(first.folder)
    (first.folder / "a").write_bytes(b"2")
    assert saver.save(first.folder).manifest.number == 3, "the claim, the lost one, this one"
    opened(second, store, 2)
    assert contents(second.folder) == {"a": b"2"}


def test_a_node_never_writes_over_a_manifest_that_it_cannot_read_not_even_where_it_wrote_last(store: FakeStore, first: Machine) -> None:
    """A newer agent's may look so."""
    saver, _ = opened(first, store, 1)
    store.objects["state/demo/counter/manifest"] = b'{"version": 2}\n'
    for number in range(3):
        (first.folder / "a").write_bytes(bytes([number]))
        with pytest.raises(BadManifest):
            saver.save(first.folder)
    assert store.objects["state/demo/counter/manifest"] == b'{"version": 2}\n'
