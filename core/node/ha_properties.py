"""MediationZone's HA monitor properties (mz.ha.*) as a form of settings: the ten of them, with its defaults and bounds."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from core.application import HaPort
from core.bounds import COUNTER_INTERVAL_S_MIN, OFF, CounterRule, Counters
from core.settings import BadSettings

PREFIX = "mz.ha."
ENABLED, HOST, PORT, LOG_FILE = "mz.ha.enabled", "mz.ha.host", "mz.ha.port", "mz.ha.log_file"
INTERVAL = "mz.ha.interval"
MIN_ACTIVATIONS = "mz.ha.min_activations"
MIN_ACTIVATIONS_FOR_ABORTS = "mz.ha.min_activations_for_aborts"
MAX_ABORTS = "mz.ha.max_aborts"
MIN_CONSUMES = "mz.ha.min_consumes"
MIN_TRANSACTIONS = "mz.ha.min_number_of_transactions"
DEFAULTS = {
    ENABLED: "false",
    HOST: "127.0.0.1",
    PORT: "",
    LOG_FILE: "",
    INTERVAL: f"{COUNTER_INTERVAL_S_MIN:g}",
    MIN_ACTIVATIONS: str(OFF),
    MIN_ACTIVATIONS_FOR_ABORTS: str(OFF),
    MAX_ABORTS: str(OFF),
    MIN_CONSUMES: str(OFF),
    MIN_TRANSACTIONS: str(OFF),
}
COUNT_MAX = 2**31 - 1  # an int of the language the properties come from
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*")


def ha_from_properties(properties: Mapping[str, str]) -> tuple[HaPort | None, Counters | None, tuple[str, ...]]:
    """The HA port, what it judges by, and warnings; no port and no counters unless enabled.

    Keys outside mz.ha. are not ours and ignored. Raises BadSettings naming key and value: an mz.ha. key that is none of
    the ten, a value out of its bounds, a port missing, activations for aborts without a bound on aborts. What is switched
    off is checked all the same, so that switching it on holds no surprise.
    """
    for key in properties:
        if key.startswith(PREFIX) and key not in DEFAULTS:
            raise BadSettings(f"{key} is {properties[key]!r}: there is no such property; there are {', '.join(DEFAULTS)}")
    values = {key: properties.get(key, "").strip() or default for key, default in DEFAULTS.items()}
    enabled = _boolean(ENABLED, values[ENABLED])
    port, warnings = _port(values, enabled=enabled), []
    interval_s = float(_whole(INTERVAL, values[INTERVAL], at_least=-COUNT_MAX, unit=" of seconds"))
    if interval_s < COUNTER_INTERVAL_S_MIN:
        warnings.append(f"{INTERVAL} is {interval_s:g}: raised to {COUNTER_INTERVAL_S_MIN:g} seconds, the least there is")
        interval_s = COUNTER_INTERVAL_S_MIN
    rules = _rules(values)
    if not enabled:
        return None, None, tuple(warnings)
    return port, Counters(rules=rules, interval_s=interval_s) if rules else None, tuple(warnings)


def _port(values: Mapping[str, str], *, enabled: bool) -> HaPort | None:
    host = _host(values[HOST])
    log_folder = values[LOG_FILE] or None
    if log_folder is not None and not log_folder.startswith("/"):
        raise BadSettings(f"{LOG_FILE} is {log_folder!r}: use the absolute path of a folder")
    if not values[PORT]:
        if enabled:
            raise BadSettings(f"{PORT} is '': it is mandatory when {ENABLED} is true, use 1 to 65535")
        return None
    port = _whole(PORT, values[PORT], at_least=1, at_most=65535)
    return HaPort(port=port, host=host, log_folder=log_folder)


def _rules(values: Mapping[str, str]) -> tuple[CounterRule, ...]:
    """A rule for each bound that is set."""

    def count(key: str) -> int:
        return _whole(key, values[key], at_least=OFF)

    rules = [
        CounterRule(name=name, at_least=count(key))
        for key, name in ((MIN_ACTIVATIONS, "activations"), (MIN_CONSUMES, "consumes"), (MIN_TRANSACTIONS, "transactions"))
        if count(key) != OFF
    ]
    aborts, needed = count(MAX_ABORTS), count(MIN_ACTIVATIONS_FOR_ABORTS)
    if needed != OFF and aborts == OFF:
        raise BadSettings(f"{MIN_ACTIVATIONS_FOR_ABORTS} is {needed} and {MAX_ABORTS} is {OFF}: the first says when the second counts")
    if aborts != OFF:
        rules.append(CounterRule(name="aborts", at_most=aborts, needs=("activations", needed) if needed != OFF else None))
    return tuple(rules)


def _boolean(key: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise BadSettings(f"{key} is {value!r}: use true or false")
    return value.lower() == "true"


def _whole(key: str, value: str, *, at_least: int, at_most: int = COUNT_MAX, unit: str = "") -> int:
    if re.fullmatch(r"[+-]?[0-9]{1,10}", value) is None or not at_least <= int(value) <= at_most:
        off = f" ({OFF} is off)" if at_least == OFF else ""
        raise BadSettings(f"{key} is {value!r}: use a whole number{unit} from {at_least} to {at_most}{off}")
    return int(value)


def _host(value: str) -> str:
    """An address of the machine's, or a name that it resolves."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        if _HOST_NAME.fullmatch(value) is None or re.fullmatch(r"[0-9.]+", value) is not None:
            raise BadSettings(f"{HOST} is {value!r}: use an address or a host name") from None
    return value


# --- the file format ---------------------------------------------------------------------------------------------

_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_BLANK = " \t\f"
TEXT_CHARS_MAX = 1_000_000


def parse_properties(text: str) -> dict[str, str]:
    """Keys and values of a Java properties file, as java.util.Properties.load(Reader) reads it.

    `#` and `!` begin comment lines; a key ends at the first unescaped `=`, `:` or blank; an odd number of `\\` at a line's
    end continues it, without the next line's leading blanks; `\\uXXXX` is a character; the last of equal keys counts.
    Raises BadSettings: too long, or a malformed `\\u`, with the number of the line it begins on.
    """
    if len(text) > TEXT_CHARS_MAX:
        raise BadSettings(f"properties are {len(text)} characters long, at most {TEXT_CHARS_MAX} are read")
    found: dict[str, str] = {}
    for number, line in _logical_lines(text):
        end = _end_of_key(line)
        rest = line[end:].lstrip(_BLANK)
        if rest[:1] in ("=", ":"):
            rest = rest[1:].lstrip(_BLANK)
        found[_unescaped(line[:end], number)] = _unescaped(rest, number)
    return found


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines with their continuations, without comments and blank ones; each with the number it begins on."""
    lines: list[tuple[int, str]] = []
    begun: tuple[int, str] | None = None
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        line = raw.lstrip(_BLANK)
        if begun is None and (not line or line[0] in "#!"):
            continue
        first, before = begun or (number, "")
        continues = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        begun = (first, before + (line[:-1] if continues else line))
        if not continues:
            lines += [begun] if begun[1] else []  # nothing but continuations is no line
            begun = None
    return [*lines, begun] if begun is not None and begun[1] else lines


def _end_of_key(line: str) -> int:
    escaped = False
    for index, letter in enumerate(line):
        if not escaped and letter in "=:" + _BLANK:
            return index
        escaped = letter == "\\" and not escaped
    return len(line)


_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)


def _unescaped(text: str, number: int) -> str:
    def character(match: re.Match[str]) -> str:
        if match[1] is not None:
            return chr(int(match[1], 16))
        if match[2] == "u":
            found = match.string[match.start() :][:6]
            raise BadSettings(f"line {number} of the properties has {found!r}: use \\u and four hexadecimal digits")
        return _ESCAPES.get(match[2], match[2])

    # A character beyond U+FFFF is written as two escapes; a half without its other half is none at all.
    return _ESCAPE.sub(character, text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
