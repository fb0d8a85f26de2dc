"""IAM condition operators and keys: pure; what it does not know is an error of the lab, never a guess.

Rules: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
and https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

Context = Mapping[str, tuple[str, ...]]  # key in lower case -> values; an absent key has no value in the request

# Keys that the lab can supply or knows to be absent from a request. A policy that tests another one cannot be judged.
KNOWN_KEYS = {
    "elasticfilesystem:accesspointarn",
    "elasticfilesystem:accessedviamounttarget",
    "aws:resourceaccount",
    "aws:securetransport",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:principalarn",
    "aws:principalaccount",
    "dynamodb:leadingkeys",
    "dynamodb:attributes",
    "dynamodb:select",
    "dynamodb:returnvalues",
    "ec2:resourcetag",
    "autoscaling:resourcetag",
    "autoscaling:maxsize",
    "autoscaling:minsize",
    "autoscaling:instancetypes",
    "autoscaling:launchconfigurationname",
    "autoscaling:launchtemplateversionspecified",
    "autoscaling:vpczoneidentifiers",
    "aws:resourcetag",
    "aws:requesttag",
    "aws:tagkeys",
    "ec2:createaction",
    "lambda:functionarn",
    "cloudwatch:namespace",
    "events:detail-type",
    "events:source",
    "kms:viaservice",
    "s3:prefix",
    "route53:changeresourcerecordsetsnormalizedrecordnames",
    "route53:changeresourcerecordsetsrecordtypes",
    "route53:changeresourcerecordsetsactions",
}


class PolicyError(Exception):
    """A policy says something that the lab cannot judge."""


@lru_cache(maxsize=4096)
def _pattern(text: str, ignore_case: bool) -> re.Pattern[str]:
    parts = re.split(r"(\*|\?)", text)
    body = "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts)
    return re.compile(body + r"\Z", re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def like(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    """IAM's wildcards: `*` any run of characters, `?` exactly one."""
    return _pattern(pattern, ignore_case).match(value) is not None


def arn_like(pattern: str, value: str) -> bool:
    """Each of the six colon-separated parts matches by itself, so a `*` never crosses one."""
    mine, theirs = pattern.split(":", 5), value.split(":", 5)
    return len(mine) == len(theirs) and all(like(a, b) for a, b in zip(mine, theirs, strict=True))


def _number(test: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda wanted, got: test(float(got), float(wanted))


# operator -> (test of one wanted value against one got value, negated: all wanted values must hold)
_OPERATORS: dict[str, tuple[Callable[[str, str], bool], bool]] = {
    "stringequals": (lambda w, g: w == g, False),
    "stringnotequals": (lambda w, g: w != g, True),
    "stringequalsignorecase": (lambda w, g: w.lower() == g.lower(), False),
    "stringlike": (lambda w, g: like(w, g), False),
    "stringnotlike": (lambda w, g: not like(w, g), True),
    "arnequals": (arn_like, False),
    "arnlike": (arn_like, False),
    "arnnotlike": (lambda w, g: not arn_like(w, g), True),
    "arnnotequals": (lambda w, g: not arn_like(w, g), True),
    "bool": (lambda w, g: w.lower() == g.lower(), False),
    "numericequals": (_number(lambda g, w: g == w), False),
    "numericlessthan": (_number(lambda g, w: g < w), False),
    "numericlessthanequals": (_number(lambda g, w: g <= w), False),
    "numericgreaterthan": (_number(lambda g, w: g > w), False),
    "numericgreaterthanequals": (_number(lambda g, w: g >= w), False),
}


def _values(wanted: object) -> tuple[str, ...]:
    items = wanted if isinstance(wanted, list) else [wanted]
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in items)


def holds(conditions: Mapping[str, Mapping[str, object]], context: Context) -> bool:
    """Whether every test of a Condition block holds. Raises PolicyError naming what it cannot judge."""
    return all(_test(operator, key, _values(wanted), context) for operator, tests in conditions.items() for key, wanted in tests.items())


def _test(operator: str, key: str, wanted: tuple[str, ...], context: Context) -> bool:
    name = key.lower()
    if name.split("/")[0] not in KNOWN_KEYS:
        raise PolicyError(f"condition key {key!r} is unknown to the lab: teach it in lab/policy/conditions.py")
    if "${" in "".join(wanted):
        raise PolicyError(f"policy variable in {key}: {wanted!r} is unknown to the lab")
    base = operator.lower()
    quantifier = ""
    if ":" in base:
        quantifier, base = base.split(":", 1)
    if base == "null":
        return (name not in context) == (wanted[0].lower() == "true")
    if_exists = base.endswith("ifexists")
    base = base.removesuffix("ifexists")
    if base not in _OPERATORS or quantifier not in ("", "forallvalues", "foranyvalue"):
        raise PolicyError(f"condition operator {operator!r} is unknown to the lab: teach it in lab/policy/conditions.py")
    test, negated = _OPERATORS[base]
    combine = all if negated else any
    got = context.get(name)
    if got is None:
        # An absent key: ForAllValues holds, IfExists holds, a negated test holds, anything else does not.
        return quantifier == "forallvalues" or if_exists or (negated and quantifier == "")
    matches = [combine(test(w, g) for w in wanted) for g in got]
    if quantifier == "forallvalues":
        return all(matches)
    if quantifier == "foranyvalue":
        return any(matches)
    if len(got) > 1:
        raise PolicyError(f"condition {operator} on {key}: the request has {len(got)} values, use ForAllValues or ForAnyValue")
    return bool(matches) and matches[0]
