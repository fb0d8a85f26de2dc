"""python -m lab.conformance STACK TEMPLATE: check a deployed stack against its template file."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from lab.conformance.check import check
from lab.deploy import ENDPOINT


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.conformance", description="Does the emulator hold what the template says?")
    parser.add_argument("stack")
    parser.add_argument("template", type=Path)
    parser.add_argument("--endpoint", default=ENDPOINT)
    args = parser.parse_args()
    template = json.loads(args.template.read_text(encoding="utf-8"))
    problems = check(args.stack, template, endpoint=args.endpoint)
    for problem in problems:
        print(problem)
    if not problems:
        print(f"all {len(template['Resources'])} resources exist and every property reads back")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
