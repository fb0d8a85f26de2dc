"""Each point where the lab's EC2 and groups lean on moto's inside: a new moto that changes one fails here, by name."""

from __future__ import annotations

import inspect

import moto.cloudformation.parsing as parsing
import pytest
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.utils import camelcase_to_underscores
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.elastic_ip_addresses import ElasticAddressBackend
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.responses.elastic_ip_addresses import ElasticIPAddresses
from moto.ec2.responses.general import General
from moto.ec2.responses.instances import InstanceResponse

from lab.ec2 import patches
from lab.ec2.launch import architecture_of
from lab.ec2.shapes import service_model
from lab.patching import take_over


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (InstanceResponse, ("terminate_instances", "stop_instances", "start_instances")),
        (ElasticIPAddresses, ("associate_address", "release_address")),
        (
            ElasticAddressBackend,
            ("allocate_address", "associate_address", "disassociate_address", "address_by_ip", "address_by_allocation"),
        ),
        (General, ("get_console_output",)),
        (InstanceBackend, ("run_instances", "get_multi_instances_by_id", "_get_template_from_args")),
        (Instance, ("delete", "terminate", "instance_status", "system_status")),
        (AutoScalingResponse, ("_get_params",)),
        (parsing, ("get_model_list", "get_model_map", "get_name_type_map")),
    ],
)
def test_what_is_replaced_or_called_is_there(owner: object, names: tuple[str, ...]):
    assert [name for name in names if not hasattr(owner, name)] == []


def test_a_method_that_moto_no_longer_has_is_not_silently_added():
    with pytest.raises(AttributeError):
        take_over(InstanceResponse, no_such_method=None)


def test_motos_run_instances_takes_what_we_pass():
    parameters = list(inspect.signature(patches.MOTO_RUN_INSTANCES).parameters)
    assert parameters == ["self", "image_id", "count", "user_data", "security_group_names", "kwargs"]


def test_every_action_of_auto_scaling_is_answered_by_us_under_motos_naming():
    names = {camelcase_to_underscores(operation) for operation in service_model("autoscaling").operation_names}
    assert {"create_auto_scaling_group", "complete_lifecycle_action", "terminate_instance_in_auto_scaling_group"} <= names


def test_moto_knows_the_processor_of_our_types():
    assert (architecture_of("t4g.small", "?"), architecture_of("t3.small", "?"), architecture_of("no.such", "?")) == (
        "arm64",
        "x86_64",
        "?",
    )


def test_errors_of_ec2_carry_code_and_message():
    error = EC2ClientError("InvalidInstanceID", "text")
    assert (error.code, error.message) == ("InvalidInstanceID", "text")
