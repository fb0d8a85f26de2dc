"""Synthesize one deployable after another in one program: half of what a synth takes is to begin.

Run in the project's folder; each line that it reads is {"deployable": FILE, "out": FOLDER}, and each is answered by one line,
{"code": app's exit status, "said": what app wrote to stderr}.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys

from aws_cdk import App

import app as ours


def main() -> int:
    context = json.loads((ours.ROOT / "cdk.json").read_text())["context"]
    for line in sys.stdin:
        asked = json.loads(line)
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            app = App(context={**context, "deployable": asked["deployable"]}, outdir=asked["out"], analytics_reporting=False)
            code = ours.synthesize(app)
        print(json.dumps({"code": code, "said": said.getvalue()}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
