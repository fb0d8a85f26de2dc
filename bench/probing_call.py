"""The prober's process in `bench.probing`: loads the shipped handler by its name, as Lambda does, and calls it for each line it is given.

python -m bench.probing_call HANDLER   an event as JSON on each line of standard input; on standard output what each call took

What the handler prints, which is its log, goes to the file in BENCH_LOG.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from typing import Any


class Context:
    """What the handler may ask Lambda."""

    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


def main(name: str) -> None:
    began_s = time.monotonic()
    answers, sys.stdout = sys.stdout, open(os.environ["BENCH_LOG"], "w", encoding="utf-8")  # noqa: SIM115 - ours till the end
    module, _, function = name.rpartition(".")
    handler: Any = getattr(importlib.import_module(module), function)
    loaded_s = time.monotonic() - began_s
    print(json.dumps({"loaded_s": loaded_s}), file=answers, flush=True)
    for line in sys.stdin:
        event = json.loads(line)
        start_s, busy_s = time.monotonic(), time.process_time()
        said = handler(event, Context())
        took = {"took_s": time.monotonic() - start_s, "busy_s": time.process_time() - busy_s, "said": said}
        took["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(took), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
