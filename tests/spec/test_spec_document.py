"""The YAML layer: what YAML would let pass, and what would hurt, is refused with its line."""

from __future__ import annotations

import pytest

from spec.document import BYTES_MAX, Unreadable, parse


def test_values_keep_the_lines_of_their_keys() -> None:
    document = parse(b"a:\n  - x: 1\n    y: [2,\n        3]\n")

    assert document.data == {"a": [{"x": 1, "y": [2, 3]}]}
    assert document.line(("a", 0, "y")) == 3
    assert document.line(("a", 0, "y", 1)) == 4
    assert document.line(("a", 0, "missing")) == 2


def test_a_key_given_twice_is_an_error_and_names_both_lines() -> None:
    [problem] = parse(b"a:\n  b: 1\n  c: 2\n  b: 3\n").problems

    assert (problem.key, problem.line, problem.message) == ("a.b", 4, "is given twice, first on line 2")


@pytest.mark.parametrize(
    ("raw", "line", "words"),
    [
        pytest.param(b"", None, "empty", id="empty"),
        pytest.param(b"# nothing\n", None, "empty", id="only a comment"),
        pytest.param(b"a: 1\nb: [\n", 3, "not YAML", id="unfinished"),
        pytest.param(b"a: 1\n\tb: 2\n", 2, "not YAML", id="tab"),
        pytest.param(b"a: 1\n---\nb: 2\n", 2, "not YAML", id="two documents"),
        pytest.param(b"a: &x [1]\nb: *x\n", 1, "anchors", id="alias"),
        pytest.param(b"a: 1\nb: !!python/object/apply:os.system [id]\n", 2, "tags such as", id="tag"),
        pytest.param(b"a: !secret x\n", 1, "tags such as", id="unknown tag"),
        pytest.param(b"? [a, b]\n: 1\n", 1, "plain word", id="key that is a list"),
        pytest.param(b"a: \xff\n", None, "UTF-8", id="not UTF-8"),
        pytest.param(b"a: \x00\n", None, "not YAML", id="control character"),
        pytest.param(b"a: " + b"[" * 5000, 1, "nested", id="deep"),
        pytest.param(b"a" * (BYTES_MAX + 1), None, "bytes long", id="long"),
        pytest.param(b"a: 2024-02-31\n", None, "cannot be read", id="no such day"),
    ],
)
def test_what_is_not_plain_yaml_is_refused(raw: bytes, line: int | None, words: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(raw)

    assert caught.value.problem.line == line
    assert words in caught.value.problem.message
    assert caught.value.problem.remedy


def test_a_bomb_of_aliases_is_refused_before_it_goes_off() -> None:
    layers = [b"a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    layers += [b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 30)]

    with pytest.raises(Unreadable, match="anchors"):
        parse(b"\n".join(layers))
