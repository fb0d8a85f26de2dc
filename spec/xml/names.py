"""Names that may be any text in the XML, as the deployable file and AWS have them."""

from __future__ import annotations

import re
from collections.abc import Collection

from core.model import NAME

CHARS_MAX = 32


def ours(name: str, taken: Collection[str], *, suffix: str = "") -> str:
    """Lower-case letters, digits and dashes, beginning with a letter, none of `taken`; the name itself where it is right."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    plain = plain if re.match(r"[a-z]", plain) else f"x-{plain}".rstrip("-")
    found, number = _cut(plain, suffix), 1
    while found in taken:
        number += 1
        found = _cut(plain, f"{suffix}-{number}")
    assert NAME.fullmatch(found), f"{name!r} became {found!r}"
    return found


def _cut(plain: str, suffix: str) -> str:
    return plain[: CHARS_MAX - len(suffix)].rstrip("-") + suffix
