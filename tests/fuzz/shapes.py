"""A second reading of our JSON and items: shapes written from the docs, that judge a value, make a good one, and spoil it.

None of this looks at the code that it judges: no dataclass, no type hint.
"""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Rule = Callable[[Mapping[str, Any]], str | None]  # the key that breaks it, or None

JUNK: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    70000,
    1.5,
    -0.5,
    1e300,
    10**30,
    "",
    "x",
    "healthy",
    "running",
    "None",
    "1",
    "é\n\0",
)
JUNK += ([], {}, [1], ["x"], [None], [[]], {"a": 1}, {"": {}}, "y" * 5000)


@dataclass(frozen=True)
class Text:
    chars_max: int | None = None
    words: tuple[str, ...] = ("web", "a text", "/bin/true")

    def wrong(self, value: Any, at: str) -> list[str]:
        return [] if isinstance(value, str) and len(value) <= (self.chars_max or len(value)) else [at]

    def good(self, dice: random.Random) -> Any:
        return dice.choice(self.words)


@dataclass(frozen=True)
class Whole:
    least: int | None = None
    most: int | None = None

    def wrong(self, value: Any, at: str) -> list[str]:
        if type(value) is not int:
            return [at]
        return [at] if (self.least is not None and value < self.least) or (self.most is not None and value > self.most) else []

    def good(self, dice: random.Random) -> Any:
        least = self.least if self.least is not None else -5
        return dice.choice((least, least + 1, min(self.most or 10**6, 10**6)))


@dataclass(frozen=True)
class Number:
    magnitude: float = float("inf")  # below it, in either direction

    def wrong(self, value: Any, at: str) -> list[str]:
        return [] if type(value) in (int, float) and abs(value) < self.magnitude else [at]

    def good(self, dice: random.Random) -> Any:
        return dice.choice((0.0, 1.5, 3, 60.0))


@dataclass(frozen=True)
class Truth:
    def wrong(self, value: Any, at: str) -> list[str]:
        return [] if type(value) is bool else [at]

    def good(self, dice: random.Random) -> Any:
        return dice.random() < 0.5


@dataclass(frozen=True)
class Among:
    """One of these; JSON's `true` and 1.0 count as 1, as Python has it."""

    words: tuple[Any, ...]

    def wrong(self, value: Any, at: str) -> list[str]:
        return [] if value in self.words else [at]

    def good(self, dice: random.Random) -> Any:
        return dice.choice(self.words)


@dataclass(frozen=True)
class Maybe:
    """The value, or null."""

    of: Any

    def wrong(self, value: Any, at: str) -> list[str]:
        return [] if value is None else list(self.of.wrong(value, at))

    def good(self, dice: random.Random) -> Any:
        return None if dice.random() < 0.3 else self.of.good(dice)


@dataclass(frozen=True)
class Many:
    """A list. pair: of exactly so many shapes, one each."""

    of: Any
    least: int = 0
    most: int = 10**9
    pair: bool = False

    def wrong(self, value: Any, at: str) -> list[str]:
        shapes = self.of if self.pair else [self.of] * (len(value) if isinstance(value, list) else 0)
        if not isinstance(value, list) or not self.least <= len(value) <= self.most or len(shapes) != len(value):
            return [at]
        return [path for index, (shape, item) in enumerate(zip(shapes, value, strict=True)) for path in shape.wrong(item, f"{at}[{index}]")]

    def good(self, dice: random.Random) -> Any:
        if self.pair:
            return [shape.good(dice) for shape in self.of]
        return [self.of.good(dice) for _ in range(max(self.least, min(self.most, dice.choice((0, 1, 2)))))]


@dataclass(frozen=True)
class Table:
    """A map from any text to values of one shape."""

    of: Any
    keys: tuple[str, ...] = ("web", "db")

    def wrong(self, value: Any, at: str) -> list[str]:
        if not isinstance(value, dict):
            return [at]
        return [path for key, item in value.items() for path in self.of.wrong(item, f"{at}.{key}")]

    def good(self, dice: random.Random) -> Any:
        return {key: self.of.good(dice) for key in self.keys if dice.random() < 0.7}


@dataclass(frozen=True)
class Fields:
    """An object. must, may: its keys; open: others are ignored, else refused. rules: what holds between keys that are well alone."""

    must: Mapping[str, Any]
    may: Mapping[str, Any] = field(default_factory=dict)
    open: bool = False
    rules: Sequence[Rule] = ()
    make: Callable[[random.Random], dict[str, Any]] | None = None  # what a good one has besides what chance gives it

    def wrong(self, value: Any, at: str) -> list[str]:
        if not isinstance(value, dict):
            return [at]
        before = f"{at}." if at else ""
        found = [before + key for key in self.must if key not in value]
        for key, item in value.items():
            shape = self.must.get(key, self.may.get(key))
            if shape is not None:
                found += shape.wrong(item, before + key)
            elif not self.open:
                found.append(before + str(key))
        for rule in self.rules:
            with contextlib.suppress(KeyError, TypeError, AttributeError, IndexError):  # a key that is wrong by itself is told of already
                found += [before + key] if (key := rule(value)) is not None else []
        return found

    def good(self, dice: random.Random) -> Any:
        """Chance first; then, where rules bind keys together, what `make` says."""
        value = {key: shape.good(dice) for key, shape in self.must.items()}
        if self.make is not None:
            value.update(self.make(dice))
        else:
            value.update({key: shape.good(dice) for key, shape in self.may.items() if dice.random() < 0.4})
        return value


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def spoiled(value: Any, dice: random.Random) -> Any:
    """A copy with something changed, taken away or added somewhere. It may be as good as before: that is for the shape to say."""
    value = copy.deepcopy(value)
    path = dice.choice(list(places(value))[1:] or [()])
    if not path:
        return dice.choice(JUNK)
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    what = dice.random()
    if what < 0.6:
        holder[path[-1]] = copy.deepcopy(dice.choice(JUNK))
    elif what < 0.75:
        del holder[path[-1]]
    elif isinstance(holder, dict):
        holder[dice.choice(("extra", "Name", "", "version", "run"))] = copy.deepcopy(dice.choice(JUNK))
    else:
        holder.append(copy.deepcopy(dice.choice((*JUNK, holder[path[-1]]))))
    return value


def values(shape: Any, dice: random.Random, count: int) -> Iterator[Any]:
    """Good ones, and ones spoiled once or twice."""
    for _ in range(count):
        value = shape.good(dice)
        for _ in range(dice.choice((0, 1, 1, 1, 2))):
            value = spoiled(value, dice)
        yield value


def names_one_of(text: str, paths: Sequence[str]) -> bool:
    """Whether a refusal names one of the places that are wrong: its last key at least, which may be that of what holds it."""
    keys = {key for path in paths for key in path.replace("[", ".[").split(".")[-2:] if key}
    unnamed = any(path == "" or path.endswith(".") for path in paths)  # the whole, or a key that is ""
    return unnamed or not keys or any(key.strip("[]") in text for key in keys)
