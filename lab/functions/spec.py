"""What a function is when it is invoked: read once from the emulator, then frozen."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from moto.backends import get_backend

from lab.world import ACCOUNT, REGION


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """timeout_s and memory_mb as configured; reserved: its concurrency limit, None for the account's. may_loop: RecursiveLoop is Allow."""

    name: str
    arn: str
    handler: str
    runtime: str
    role_arn: str
    timeout_s: float
    memory_mb: int
    variables: dict[str, str]
    subnets: tuple[str, ...]
    code_sha256: str
    code: bytes
    version: str
    log_group: str
    log_format: str
    log_level: str | None
    dead_letter_arn: str | None
    reserved: int | None
    may_loop: bool
    fingerprint: str

    @property
    def title(self) -> str:
        """What an onlooker calls it: the module that holds the handler (`recover_assembly`)."""
        parts = self.handler.split(".")
        return parts[-2].rsplit("/", 1)[-1] if len(parts) > 1 else self.name


def find(function: str) -> Any:
    """moto's function object of a name or ARN (qualified or not). Raises moto's UnknownFunctionException."""
    return get_backend("lambda")[ACCOUNT][REGION].get_function(function)


def describe(fn: Any) -> FunctionSpec:
    """The spec of moto's LambdaFunction. What moto itself drops is read from attributes the emulator keeps."""
    if fn.layers:
        raise ValueError(f"the lab runs no layers: {fn.function_name} has {fn.layers}")
    code: bytes = fn.code_bytes
    sha = base64.b64encode(hashlib.sha256(code).digest()).decode()
    variables = {key: str(value) for key, value in (fn.environment_vars or {}).items()}
    vpc = fn.vpc_config or {}
    kept = getattr(fn, "lab_kept", {})  # what moto drops and lab.emulator.fixups keeps
    logging = kept.get("LoggingConfig") or {}
    reserved = fn.reserved_concurrency
    shape = [sha, fn.handler, fn.run_time, fn.role, fn.timeout, fn.memory_size, variables, vpc.get("SubnetIds"), fn.last_modified, logging]
    return FunctionSpec(
        name=fn.function_name,
        arn=fn.function_arn,
        handler=fn.handler,
        runtime=fn.run_time or "",
        role_arn=fn.role,
        timeout_s=float(fn.timeout),
        memory_mb=int(fn.memory_size),
        variables=variables,
        subnets=tuple(vpc.get("SubnetIds") or ()),
        code_sha256=sha,
        code=code,
        version=str(fn.version),
        log_group=logging.get("LogGroup") or fn.logs_group_name,
        log_format=logging.get("LogFormat") or "Text",
        log_level=logging.get("ApplicationLogLevel"),
        dead_letter_arn=(kept.get("DeadLetterConfig") or {}).get("TargetArn"),
        reserved=None if reserved is None else int(reserved),
        may_loop=getattr(fn, "lab_recursive_loop", "Terminate") == "Allow",
        fingerprint=hashlib.sha256(json.dumps(shape, sort_keys=True, default=str).encode()).hexdigest(),
    )
