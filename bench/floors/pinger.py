"""Floor: the least that restarts a program that hangs. Asks each over HTTP, waits for the answer, kills what gives none.

python pinger.py COMMANDS.json SECONDS   a list of [port, argument list]; how often to ask, which is also how long to wait
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

STARTING_S = 0.05  # between two questions to a program that has not answered yet


async def ask(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return (await reader.readline()).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
    finally:
        writer.transport.abort()


async def keep(port: int, command: list[str], every_s: float) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        answered = True
        while not await ask(port):
            await asyncio.sleep(STARTING_S)
        while answered:
            asked_at_s = clock()
            try:
                async with asyncio.timeout(every_s):
                    answered = await ask(port)
            except TimeoutError:
                answered = False
            await asyncio.sleep(max(0.0, asked_at_s + every_s - clock()) if answered else 0)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def main() -> None:
    await asyncio.gather(*(keep(port, command, float(sys.argv[2])) for port, command in json.loads(Path(sys.argv[1]).read_text())))


asyncio.run(main())
