"""python tools/recovery_tables.py: write what docs/recovery.md shows of the incident's machine. `--check` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from core.policy import Policy  # noqa: E402
from core.recovery.incident import ENDED  # noqa: E402  # the repository is not installed: found by the line above
from core.recovery.rules import ANY, NONE, RULES, Rule  # noqa: E402
from tools.mutation import tables as mutation  # noqa: E402
from tools.page import Tables, main, markdown  # noqa: E402

PAGE = ROOT / "docs/recovery.md"


def rules() -> str:
    head = ("state", "rule", "when", "what", "leads to", "counts by", "why")
    return markdown(
        head, [(rule.state, f"`{rule.name}`", rule.when, rule.what, str(rule.to or ""), _number(rule), _why(rule)) for rule in RULES]
    )


def _number(rule: Rule) -> str:
    """The field and what it is by default; a field that ends in _s is in seconds."""
    if not rule.deadline:
        return ""
    value = getattr(Policy(), rule.deadline)
    if value is None:
        return f"`{rule.deadline}` (not set)"
    return f"`{rule.deadline}` ({value:g} s)" if rule.deadline.endswith("_s") else f"`{rule.deadline}` ({value:g})"


def _why(rule: Rule) -> str:
    return f"[AWS]({rule.why})" if rule.why.startswith("https://") else rule.why


def diagram() -> str:
    """Every change of state, with the rules that make it; what may happen in every state is said once."""
    edges: dict[tuple[str, str], list[str]] = {}
    for rule in RULES:
        if rule.to is not None and rule.state != ANY:
            edges.setdefault((rule.state, rule.to), []).append(rule.name)
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    {'[*]' if start == NONE else start} --> {to}: {', '.join(names)}" for (start, to), names in edges.items()]
    lines += [f"    {state} --> [*]" for state in sorted(ENDED)]
    for rule in RULES:
        if rule.to is not None and rule.state == ANY:
            lines += [f"    note right of {rule.to}", f"        from every open state: {rule.name}", "    end note"]
    return "\n".join([*lines, "```"])


TABLES: Tables = {
    "diagram": diagram,
    "rules": rules,
    "mutation-modules": mutation.modules,
    "mutation-operators": mutation.operators,
    "mutation-survivors": mutation.survivors,
}


if __name__ == "__main__":
    sys.exit(main(PAGE, TABLES))
