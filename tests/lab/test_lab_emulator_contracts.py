"""Where the emulator leans on moto's inside: each point, as moto 5.2.5 has it before anything is patched."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from tests.lab.emulator_process import ROOT

# Each is run in a process of its own, for each needs moto unpatched; they are forks of one, for its import takes seconds.
POINTS = {
    "the registry of models is the direct subclasses, and a later one of the same type wins": """
        from moto.core.common_models import CloudFormationModel
        from moto.cloudformation import parsing
        ours = type("Ours", (CloudFormationModel,), {"__module__": "a.b", "cloudformation_type": staticmethod(lambda: "AWS::SQS::Queue")})
        for cached in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
            cached.cache_clear()
        assert parsing.get_model_map()["AWS::SQS::Queue"] is ours
    """,
    "the registry is cached until it is cleared": """
        from moto.core.common_models import CloudFormationModel
        from moto.cloudformation import parsing
        parsing.get_model_map()
        ours = type("Ours", (CloudFormationModel,), {"__module__": "a.b", "cloudformation_type": staticmethod(lambda: "X::Y::Z")})
        assert "X::Y::Z" not in parsing.get_model_map()
    """,
    "S3 forgets the sizes in a lifecycle rule's filter, and builds its answer with `serialized`": """
        from moto.s3.models import FakeBucket, LifecycleAndFilter
        from moto.s3.responses import S3Response
        assert not any("size" in name for name in vars(LifecycleAndFilter("p")))
        assert {"serialized", "ActionResult"} <= set(S3Response.get_bucket_lifecycle.__code__.co_names)
        assert "LifecycleRule" in FakeBucket.set_lifecycle.__code__.co_names
    """,
    "a model's module must be dotted": """
        from moto.core.common_models import CloudFormationModel
        try:
            type("Ours", (CloudFormationModel,), {"__module__": "plain"})
        except IndexError:
            pass
        else:
            raise AssertionError("not needed any more")
    """,
    "parse_resource is looked up by name, and skips an unknown type in silence": """
        import warnings
        from moto.cloudformation import parsing
        warnings.simplefilter("ignore")
        assert parsing.parse_resource({"Type": "AWS::Nope::Nothing"}, {}) is None
        assert "parse_resource" in parsing.parse_resource_and_generate_name.__code__.co_names
    """,
    "a resource map keeps its template, its resources and what it made under these names": """
        from moto.cloudformation.parsing import ResourceMap
        made = ResourceMap("id", "name", {}, {}, "us-east-1", "123456789012", {"Resources": {}}, {})
        for name in ("_template", "_resource_json_map", "_parsed_resources", "_account_id", "_region_name", "input_parameters", "stack_id"):
            assert hasattr(made, name), name
        made.load()
        assert made.lazy_condition_map == {}
    """,
    "creating a resource passes its logical id and its stack": """
        from moto.cloudformation import parsing
        assert {"LogicalId", "StackId"} <= set(parsing.parse_and_create_resource.__code__.co_consts) | {
            name for const in parsing.parse_and_create_resource.__code__.co_consts if isinstance(const, tuple) for name in const}
    """,
    "Lambda's calls are found by their operation's name under listed paths, and its loop setting is not among them": """
        from moto.awslambda import urls
        from moto.awslambda.responses import LambdaResponse
        same = r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\\w_:%-]+)/concurrency/?$"
        assert urls.url_paths[same] == LambdaResponse.dispatch
        assert callable(LambdaResponse.put_function_concurrency)
        assert not hasattr(LambdaResponse, "put_function_recursion_config")
    """,
    "a stack makes its resources, outputs and events through these": """
        from moto.cloudformation import models
        for name in ("create_resources", "_create_resource_map", "_create_output_map", "_add_stack_event", "mark_creation_complete"):
            assert callable(getattr(models.Stack, name)), name
        from moto.cloudformation.responses import CloudFormationResponse
        for name in ("execute_change_set", "delete_change_set", "describe_change_set"):
            assert callable(getattr(CloudFormationResponse, name)), name
        assert callable(models.CloudFormationBackend._resolve_update_parameters)
        assert isinstance(models.Stack.stack_parameters, property)
    """,
    "a change set of moto's own leaves no outputs": """
        from moto.cloudformation import models
        assert models.ChangeSet.apply.__code__.co_names == ("stack", "resource_map", "update", "template_dict", "parameters")
    """,
    "a function's configuration and its constructor": """
        import inspect
        from moto.awslambda.models import LambdaFunction
        assert list(inspect.signature(LambdaFunction.__init__).parameters) == ["self", "account_id", "spec", "region", "version"]
        assert list(inspect.signature(LambdaFunction.get_configuration).parameters) == ["self", "on_create"]
        assert list(inspect.signature(LambdaFunction.update_configuration).parameters) == ["self", "config_updates"]
        assert "DeadLetterConfig" not in LambdaFunction.get_configuration.__code__.co_consts
    """,
    "queues and tables know their functions by these dictionaries": """
        from moto.backends import get_backend
        import moto.sqs.models, moto.dynamodb.models.table
        queue = get_backend("sqs")["123456789012"]["us-east-1"].create_queue("q", region="us-east-1")
        assert queue.lambda_event_source_mappings == {}
        assert "lambda_event_source_mappings" in moto.dynamodb.models.table.Table.__init__.__code__.co_names
    """,
    "a bucket's policy is asked through get_permission": """
        import inspect
        from moto.s3.models import FakeBucket
        assert list(inspect.signature(FakeBucket.get_permission).parameters) == ["self", "action", "resource"]
    """,
    "AssumeRole answers with what the backend's object says": """
        from moto.sts.models import STSBackend, AssumedRole
        names = AssumedRole.__init__.__code__.co_names
        assert {"access_key_id", "secret_access_key", "session_token", "role_arn", "session_name"} <= set(names)
        assert callable(STSBackend.assume_role)
    """,
    "public parameters are kept under _parameters": """
        from moto.backends import get_backend
        ssm = get_backend("ssm")["123456789012"]["us-east-1"]
        assert ssm._parameters["/aws/service/debian/release/12/latest/arm64"] == []
    """,
    "a rule's description is read from its range only": """
        from moto.ec2.models.security_groups import SecurityGroupRule
        assert isinstance(SecurityGroupRule.description, property)
        assert "source_group" not in SecurityGroupRule.description.fget.__code__.co_names
    """,
    "what lies in a VPC is found under these names": """
        from moto.backends import get_backend
        ec2 = get_backend("ec2")["123456789012"]["us-east-1"]
        vpc = ec2.create_vpc("10.5.0.0/16")
        subnet = ec2.create_subnet(vpc.id, "10.5.1.0/24", availability_zone="us-east-1a")
        table = ec2.create_route_table(vpc.id)
        ec2.associate_route_table(route_table_id=table.id, subnet_id=subnet.id)
        assert vpc.is_default is False
        assert ec2.subnets["us-east-1a"][subnet.id].vpc_id == vpc.id
        assert [link["SubnetId"] for link in ec2.route_tables[table.id].associations] == [subnet.id]
        endpoint = ec2.create_vpc_endpoint(vpc.id, "com.amazonaws.us-east-1.s3", "Gateway", None, [table.id])
        assert ec2.vpc_end_points[endpoint.id].route_table_ids == [table.id]
    """,
    "the environment is read while moto is imported": """
        import importlib, os
        from moto import settings
        os.environ["S3_IGNORE_SUBDOMAIN_BUCKETNAME"] = "true"
        importlib.reload(settings)
        assert settings.S3_IGNORE_SUBDOMAIN_BUCKETNAME is True
    """,
}


_FORKS = """
import json, os, sys, traceback
import moto.awslambda.models, moto.cloudformation.parsing, moto.dynamodb.models.table, moto.s3.models, moto.sqs.models, moto.sts.models
failed = {}
for point, program in json.load(sys.stdin).items():
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            exec(program, {})
            os._exit(0)
        except BaseException:  # of a child: told to its parent, whose stack it must not unwind
            os.write(write, traceback.format_exc().encode()[-2000:])
            os._exit(1)
    os.close(write)
    with open(read, errors="replace") as said:
        text = said.read()
    if os.wait()[1] != 0:
        failed[point] = text or "it died"
print(json.dumps(failed))
"""


@pytest.fixture(scope="module")
def failed() -> dict[str, str]:
    """Why, for each point that does not hold."""
    programs = {point: textwrap.dedent(text) for point, text in POINTS.items()}
    ended = subprocess.run(
        [sys.executable, "-c", _FORKS], input=json.dumps(programs), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout))


@pytest.mark.parametrize("point", POINTS)
def test_moto(point: str, failed: dict[str, str]) -> None:
    assert failed.get(point, "") == ""
