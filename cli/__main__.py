"""Starts the command from any folder: `.venv/bin/understudy` runs this file."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from cli.main import main  # noqa: E402 - found only once the root is on the path

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
