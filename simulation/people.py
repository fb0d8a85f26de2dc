"""What operators say, as the command line writes it."""

from __future__ import annotations

from boto3.dynamodb.types import TypeSerializer

from core.recovery.intents import Kind, asked, intent_item
from simulation.table import Table


def say(table: Table, kind: Kind, target: str, deployable: str, *, now_ms: int, for_s: float) -> None:
    said = asked(kind, target, deployable=deployable, reason="maintenance", who="ann", now_ms=now_ms, for_s=for_s)
    encode = TypeSerializer().serialize
    table.put({name: encode(value) for name, value in intent_item(said).items()})
