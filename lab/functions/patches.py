"""Where the lab leans on moto 5.2.5's Lambda: each point has a contract test (test_lab_functions_contract.py)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import moto.awslambda.models as lambda_models
from moto.awslambda.exceptions import LambdaClientError

from lab import tracing
from lab.functions.engine import FunctionEngine, PayloadTooLarge
from lab.functions.pool import Throttled, Unavailable
from lab.patching import original_of, replace


class TooManyRequests(LambdaClientError):
    code = 429


class ServiceException(LambdaClientError):
    code = 500


class RequestTooLarge(LambdaClientError):
    code = 413


class RecursiveInvocation(LambdaClientError):
    code = 400


def patch(engine: FunctionEngine) -> None:
    """Every invocation of moto's (API, SNS, log subscriptions) goes through the engine."""

    def invoke(self: Any, body: Any, request_headers: Mapping[str, str], response_headers: dict[str, str]) -> bytes:
        payload = body.encode() if isinstance(body, str) else bytes(body or b"")
        how = request_headers.get("x-amz-invocation-type") or request_headers.get("X-Amz-Invocation-Type") or "RequestResponse"
        if how == "DryRun":
            return b""
        try:
            if how == "Event":
                engine.enqueue(self.function_arn, payload, origin="API")
                return b""
            result = engine.run(self.function_arn, payload, origin="API")
        except Unavailable as error:
            raise ServiceException("ServiceException", "The Lambda service encountered an internal error.") from error
        except Throttled as error:
            raise TooManyRequests("TooManyRequestsException", f"{error} ({error.reason})") from error
        except PayloadTooLarge as error:
            raise RequestTooLarge("RequestEntityTooLargeException", str(error)) from error
        except tracing.RecursiveLoop as error:
            raise RecursiveInvocation("RecursiveInvocationException", str(error)) from error
        if result.error is not None:
            response_headers["x-amz-function-error"] = result.error
        response_headers["x-amz-log-result"] = base64.b64encode(result.log.encode()).decode()
        response_headers["X-Amz-Executed-Version"] = str(self.version)
        return result.payload

    replace(lambda_models.LambdaFunction, "invoke", invoke)

    original = original_of(lambda_models.LambdaBackend, "put_function_event_invoke_config")

    def put(self: Any, function_name: str, config: dict[str, Any]) -> dict[str, Any]:
        self.get_function(function_name).event_invoke_config.clear()  # it overwrites; moto would append and read the first
        return dict(original(self, function_name, config))

    replace(lambda_models.LambdaBackend, "put_function_event_invoke_config", put)
