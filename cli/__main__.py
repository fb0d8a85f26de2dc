"""Starts the command from any folder: `.venv/bin/understudy` runs this file."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    # Nothing is begun yet that would have to be tidied up: Ctrl-C simply ends this process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from cli.main import main  # noqa: E402 - found only once the root is on the path

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
