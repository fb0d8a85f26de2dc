"""What the lab's command accepts as a factor, a time, a name, a number of labs, a port: each raises ArgumentTypeError with what to use."""

from __future__ import annotations

import argparse
import contextlib


def scale(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1000:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no factor: use a number above 0, at most 1000")


def seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is no time to wait: use seconds above 0, at most 86400")
    return value


def name(text: str) -> str:
    if not text or not set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_") or len(text) > 40:
        raise argparse.ArgumentTypeError(f"{text!r} is not a name: use lower-case letters, digits and dashes, at most 40")
    return text


def labs(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:3]) <= 16):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of labs: use 1 to 16")
    return int(text)


def port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: use 1 to 65535, or 0 for any free one")
    return int(text)
