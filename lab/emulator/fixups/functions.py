"""Lambda: configuration that moto forgets, and deliveries that it must leave to lab.messaging."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from moto.awslambda import urls
from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import EventSourceMapping, LambdaBackend, LambdaFunction
from moto.awslambda.responses import LambdaResponse
from moto.backends import get_backend

_KEPT = ("DeadLetterConfig", "LoggingConfig", "KMSKeyArn")


def install() -> None:
    _keep_configuration()
    _one_invoke_config_per_function()
    _no_deliveries_in_process()
    _recursion_config()


def _vpc_of(function: LambdaFunction) -> str:
    """The VPC that the function's first subnet lies in; moto answers a constant."""
    subnets = (function._vpc_config or {}).get("SubnetIds") or []
    if not subnets:
        return ""
    ec2: Any = get_backend("ec2")[function.account_id][function.region]
    return str(ec2.get_subnet(subnets[0]).vpc_id)


def _keep_configuration() -> None:
    """DeadLetterConfig and LoggingConfig are dropped by moto; a log group of its own is where logs go."""
    moto_init = LambdaFunction.__init__
    moto_configuration = LambdaFunction.get_configuration

    def init(self: LambdaFunction, account_id: str, spec: dict[str, Any], region: str, version: str | int = 1) -> None:
        moto_init(self, account_id, spec, region, version)
        self.lab_kept = {key: spec[key] for key in _KEPT if spec.get(key)}  # type: ignore[attr-defined]  # an attribute of ours
        group = self.lab_kept.get("LoggingConfig", {}).get("LogGroup")  # type: ignore[attr-defined]  # an attribute of ours
        if group:
            self.logs_group_name = group

    def configuration(self: LambdaFunction, on_create: bool = False) -> dict[str, Any]:
        result = moto_configuration(self, on_create)
        result.update(self.lab_kept)  # type: ignore[attr-defined]  # an attribute of ours
        if result.get("VpcConfig"):
            result["VpcConfig"] = {**result["VpcConfig"], "VpcId": _vpc_of(self)}
        return result

    moto_update = LambdaFunction.update_configuration

    def update(self: LambdaFunction, config_updates: dict[str, Any]) -> dict[str, Any]:
        self.lab_kept.update({key: config_updates[key] for key in _KEPT if key in config_updates})  # type: ignore[attr-defined]  # an attribute of ours
        moto_update(self, config_updates)
        return self.get_configuration()

    LambdaFunction.update_configuration = update
    LambdaFunction.__init__ = init
    LambdaFunction.get_configuration = configuration


def _one_invoke_config_per_function() -> None:
    """PutFunctionEventInvokeConfig overwrites; moto appends.

    https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
    """
    moto_put = LambdaBackend.put_function_event_invoke_config

    def put(self: LambdaBackend, function_name: str, config: dict[str, Any]) -> dict[str, Any]:
        self.get_function(function_name).event_invoke_config.clear()
        return moto_put(self, function_name, config)

    LambdaBackend.put_function_event_invoke_config = put


def _no_deliveries_in_process() -> None:
    """moto invokes a mapping's function inside SendMessage and PutItem; lab.messaging polls, as AWS does."""
    moto_create = LambdaBackend.create_event_source_mapping

    def create(self: LambdaBackend, spec: dict[str, Any]) -> EventSourceMapping:
        mapping = moto_create(self, spec)
        for queue in get_backend("sqs")[self.account_id][self.region_name].queues.values():
            queue.lambda_event_source_mappings.clear()
        for table in get_backend("dynamodb")[self.account_id][self.region_name].tables.values():
            table.lambda_event_source_mappings.clear()
        return mapping

    LambdaBackend.create_event_source_mapping = create


def _recursion_config() -> None:
    """GetFunctionRecursionConfig and PutFunctionRecursionConfig, which moto does not have.

    https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionRecursionConfig.html
    """

    def function_of(response: LambdaResponse) -> Any:
        return response.backend.get_function(unquote(response.path.rstrip("/").rsplit("/", 2)[-2]))

    def get(self: LambdaResponse) -> str:
        return json.dumps({"RecursiveLoop": getattr(function_of(self), "lab_recursive_loop", "Terminate")})

    def put(self: LambdaResponse) -> str:
        function, wanted = function_of(self), self.json_body.get("RecursiveLoop")
        if wanted not in ("Allow", "Terminate"):
            raise InvalidParameterValueException(f"RecursiveLoop is Allow or Terminate, not {wanted}")
        function.lab_recursive_loop = wanted
        return json.dumps({"RecursiveLoop": wanted})

    LambdaResponse.get_function_recursion_config = get  # type: ignore[attr-defined]  # found by the operation's name
    LambdaResponse.put_function_recursion_config = put  # type: ignore[attr-defined]  # found by the operation's name
    urls.url_paths[r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w_:%-]+)/recursion-config/?$"] = LambdaResponse.dispatch
