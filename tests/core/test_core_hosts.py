"""The managed block of a hosts file: ours is always right, the others' lines are always theirs."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.model import HostName, Resolves
from core.node.hosts import BEGIN, END, meanings, neighbours_to_text, parse_neighbours, with_block

DEBIAN = "127.0.0.1\tlocalhost\n127.0.1.1\tcounter\n\n# The following lines are desirable for IPv6\n::1 localhost ip6-localhost\n"
ONE = (("10.20.0.5", "platform"),)
BLOCK = f"{BEGIN}\n10.20.0.5\tplatform\n{END}\n"


def test_names_mean_the_node_the_front_or_the_address_that_is_given() -> None:
    found = meanings(
        (
            HostName(name="a"),
            HostName(name="b", resolves=Resolves.FRONT),
            HostName(name="c", resolves=Resolves.ADDRESS, address="10.0.0.9"),
        ),
        own="10.20.0.5",
        front="203.0.113.7",
    )

    assert (found.entries, found.unknown) == ((("10.20.0.5", "a"), ("203.0.113.7", "b"), ("10.0.0.9", "c")), ())


def test_a_name_may_mean_another_assemblys_front() -> None:
    platform = HostName(name="platform", resolves=Resolves.FRONT, of="platform")

    found = meanings((platform,), own="10.20.0.5", front="203.0.113.7", neighbours={"platform": "203.0.113.9"})
    lost = meanings((platform,), own="10.20.0.5", front="203.0.113.7")

    assert (found.entries, found.unknown) == ((("203.0.113.9", "platform"),), ())
    assert (lost.entries, lost.unknown) == ((), ("platform",))


def test_neighbours_read_back_as_they_were_written() -> None:
    neighbours = {"platform": "203.0.113.9", "ui": "203.0.113.10"}

    assert parse_neighbours(neighbours_to_text(neighbours)) == neighbours
    assert parse_neighbours("") == {}


@pytest.mark.parametrize("text", ["platform", "platform=", "=203.0.113.9", "platform=here", "A B=203.0.113.9", "platform=203.0.113.9,"])
def test_what_is_no_neighbour_is_refused_by_its_part(text: str) -> None:
    with pytest.raises(ValueError, match=":"):
        parse_neighbours(text)


def test_a_name_whose_address_is_not_known_is_left_out_and_named() -> None:
    found = meanings((HostName(name="a"), HostName(name="b", resolves=Resolves.FRONT)), own="10.20.0.5", front=None)

    assert (found.entries, found.unknown) == ((("10.20.0.5", "a"),), ("b",))


@pytest.mark.parametrize("address", ["", "fe80::1", "10.20.0.5 evil", "10.20.0.5\n8.8.8.8", "010.0.0.1"])
def test_only_an_ipv4_address_is_ever_written(address: str) -> None:
    with pytest.raises(ipaddress.AddressValueError):
        meanings((HostName(name="a"),), own=address, front=None)


def test_the_block_stands_first_for_the_first_line_with_a_name_wins() -> None:
    """hosts(5)"""
    assert with_block(DEBIAN, ONE) == BLOCK + DEBIAN


def test_a_block_that_was_moved_stays_where_it_is() -> None:
    assert with_block(DEBIAN + BLOCK + "10.0.0.1 db\n", (("10.20.0.6", "other"),)) == (
        DEBIAN + f"{BEGIN}\n10.20.0.6\tother\n{END}\n" + "10.0.0.1 db\n"
    )


def test_a_name_of_ours_in_somebody_elses_line_is_left_alone() -> None:
    theirs = "10.9.9.9 platform # put here by hand\n"

    assert with_block(theirs, ONE) == BLOCK + theirs


def test_no_names_and_the_block_is_gone() -> None:
    assert with_block(BLOCK + DEBIAN, ()) == DEBIAN
    assert with_block(DEBIAN, ()) == DEBIAN


def test_a_file_whose_last_line_has_no_end_keeps_it_so() -> None:
    assert with_block("127.0.0.1 localhost", ONE) == BLOCK + "127.0.0.1 localhost"
    assert with_block("", ONE) == BLOCK


def test_a_block_at_the_end_of_a_file_ends_as_a_line_does() -> None:
    assert with_block(f"127.0.0.1 localhost\n{BEGIN}\n{END}", ONE) == "127.0.0.1 localhost\n" + BLOCK


def test_of_several_blocks_the_first_is_kept() -> None:
    assert with_block(f"a\n{BLOCK}b\n{BLOCK}c\n", ONE) == f"a\n{BLOCK}b\nc\n"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param(f"a\n{BEGIN}\n10.0.0.1 x\n", "a\n10.0.0.1 x\n", id="begin without end"),
        pytest.param(f"a\n{END}\nb\n", "a\nb\n", id="end without begin"),
        pytest.param(f"{BEGIN}\na\n{BEGIN}\nours\n{END}\nb\n", "a\nb\n", id="begin twice"),
    ],
)
def test_half_a_block_takes_nobody_elses_lines_with_it(text: str, left: str) -> None:
    assert with_block(text, ()) == left


def test_markers_of_an_older_version_and_of_another_system_are_known() -> None:
    assert with_block("# understudy begin\r\n1.1.1.1 x\r\n# understudy end\r\nb\r\n", ONE) == BLOCK + "b\r\n"


Entries = list[tuple[str, str]]
LINES = st.lists(
    st.one_of(
        st.sampled_from([BEGIN, END, "# understudy begin", BEGIN + "\r", "# understudy beginning", "", "127.0.0.1 localhost"]),
        st.text(st.characters(blacklist_characters="\n", blacklist_categories=["Cs"]), max_size=12),
    ),
    max_size=12,
)
ENTRIES = st.lists(st.tuples(st.ip_addresses(v=4).map(str), st.from_regex(r"[a-z]{1,8}", fullmatch=True)), max_size=4)


def theirs(text: str) -> list[str]:
    """Whatever stands outside whole blocks and is no marker; the slow and plain way to say it."""
    kinds = [
        "begin" if key == "# understudy begin" or key.startswith("# understudy begin ") else "end" if key == END else ""
        for key in (line.rstrip(" \t\r") for line in text.split("\n"))
    ]
    kept = []
    for number, line in enumerate(text.split("\n")):
        before = next((kind for kind in reversed(kinds[:number]) if kind), "")
        after = next((kind for kind in kinds[number + 1 :] if kind), "")
        if not kinds[number] and not (before == "begin" and after == "end"):
            kept.append(line)
    return kept


@given(LINES, ENTRIES, ENTRIES)
@example(["127.0.0.1 localhost", BEGIN, END], [("10.20.1.5", "a")], [])  # a block that ends a file without a last newline
def test_whatever_stands_there_the_others_lines_come_back_as_they_were(lines: list[str], first: Entries, second: Entries) -> None:
    text = "\n".join(lines)
    once = with_block(text, first)

    assert with_block(once, first) == once, "twice changes nothing"
    if first:  # with no names the block is gone, and with it the place where it stood
        assert with_block(once, second) == with_block(text, second), "what stood in our block before does not matter"
    assert [line for line in theirs(once) if line] == [line for line in theirs(text) if line]
    assert all(f"{address}\t{name}" in once.split("\n") for address, name in first)
