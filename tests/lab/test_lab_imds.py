"""lab.machines.imds: the rules of the instance metadata service, and the server on a real socket."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from lab_machines import SPEC

from lab.machines.imds import Metadata, Reply, Server
from lab.principals import Credentials, Principals

NOW = 1_700_000_000.0
ROLE = "/latest/meta-data/iam/security-credentials/node"


def metadata(**changes: object) -> Metadata:
    principals = Principals()

    def issue() -> Credentials:
        return principals.issue(str(SPEC.role_arn), SPEC.instance_id, now=NOW)

    return Metadata(replace(SPEC, **changes), issue, NOW)  # type: ignore[arg-type]


def token(of: Metadata, *, ttl: str = "60", now: float = NOW) -> str:
    reply = of.answer("PUT", "/latest/api/token", {"x-aws-ec2-metadata-token-ttl-seconds": ttl}, now)
    assert reply.status == 200
    return reply.body.decode()


def get(of: Metadata, path: str, *, now: float = NOW) -> Reply:
    return of.answer("GET", path, {"x-aws-ec2-metadata-token": token(of, now=now)}, now)


@pytest.mark.parametrize("ttl", [None, "", "0", "21601", "-1", "60s", "1.5"])
def test_a_token_needs_a_lifetime_from_1_to_21600_seconds(ttl: str | None) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html: 400."""
    headers = {} if ttl is None else {"x-aws-ec2-metadata-token-ttl-seconds": ttl}
    assert metadata().answer("PUT", "/latest/api/token", headers, NOW).status == 400


@pytest.mark.parametrize("ttl", ["1", "21600"])
def test_the_shortest_and_the_longest_lifetime_are_given(ttl: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html"""
    assert token(metadata(), ttl=ttl)


def test_no_token_for_a_request_that_came_through_a_proxy() -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html: X-Forwarded-For, 403."""
    headers = {"x-aws-ec2-metadata-token-ttl-seconds": "60", "x-forwarded-for": "10.0.0.1"}
    assert metadata().answer("PUT", "/latest/api/token", headers, NOW).status == 403


def test_a_required_token_must_be_there_be_ours_and_be_fresh() -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html: 401 otherwise."""
    ours = metadata()
    path = "/latest/meta-data/instance-id"
    known = token(ours, ttl="60")
    assert ours.answer("GET", path, {}, NOW).status == 401
    assert ours.answer("GET", path, {"x-aws-ec2-metadata-token": "made-up"}, NOW).status == 401
    assert ours.answer("GET", path, {"x-aws-ec2-metadata-token": known}, NOW + 59).body == b"i-0abc"
    assert ours.answer("GET", path, {"x-aws-ec2-metadata-token": known}, NOW + 60).status == 401


def test_an_optional_token_may_be_left_out_but_not_be_wrong() -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html"""
    ours = metadata(imds_tokens_required=False)
    assert ours.answer("GET", "/latest/meta-data/instance-id", {}, NOW).body == b"i-0abc"
    assert ours.answer("GET", "/latest/meta-data/instance-id", {"x-aws-ec2-metadata-token": "made-up"}, NOW).status == 401


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("instance-id", "i-0abc"),
        ("local-ipv4", "10.20.1.5"),
        ("mac", "02:11:22:33:44:55"),
        ("placement/availability-zone", "us-east-1a"),
        ("placement/region", "us-east-1"),
        ("instance-type", "t4g.small"),
        ("ami-id", "ami-0123"),
        ("network/interfaces/macs/02:11:22:33:44:55/subnet-id", "subnet-1"),
    ],
)
def test_metadata_items_say_what_the_machine_was_launched_with(path: str, value: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html"""
    assert get(metadata(), f"/latest/meta-data/{path}").body.decode() == value


@pytest.mark.parametrize("path", ["public-ipv4", "autoscaling/target-lifecycle-state", "tags/instance", "spot/instance-action", "nothing"])
def test_what_does_not_apply_is_not_found(path: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html: 404 for what is not available."""
    assert get(metadata(), f"/latest/meta-data/{path}").status == 404


def test_folders_list_their_entries_one_a_line_with_a_slash_for_folders() -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html"""
    top = get(metadata(), "/latest/meta-data/").body.decode().splitlines()
    assert "iam/" in top
    assert "instance-id" in top
    assert get(metadata(), "/latest/meta-data/placement/").body == b"availability-zone\nregion"


def test_an_elastic_address_is_the_public_one_while_it_is_there() -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html: public-ipv4."""
    ours = metadata()
    ours.public_ipv4 = "54.1.2.3"
    assert get(ours, "/latest/meta-data/public-ipv4").body == b"54.1.2.3"
    ours.public_ipv4 = None
    assert get(ours, "/latest/meta-data/public-ipv4").status == 404


def test_the_target_lifecycle_state_is_what_the_group_wants() -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html"""
    ours = metadata()
    ours.target_lifecycle_state = "Terminated"
    assert get(ours, "/latest/meta-data/autoscaling/target-lifecycle-state").body == b"Terminated"


def test_the_role_is_listed_and_gives_credentials_that_last() -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html"""
    ours = metadata()
    assert get(ours, "/latest/meta-data/iam/security-credentials/").body == b"node"
    keys = json.loads(get(ours, ROLE).body)
    assert keys["Code"] == "Success"
    assert keys["Type"] == "AWS-HMAC"
    assert keys["Expiration"] == "2023-11-15T04:13:20Z"
    assert json.loads(get(ours, ROLE).body)["AccessKeyId"] == keys["AccessKeyId"]


def test_new_credentials_are_there_before_the_old_ones_end() -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html: at least five minutes before."""
    ours = metadata()
    first = json.loads(get(ours, ROLE).body)["AccessKeyId"]
    five_minutes_before = NOW + 6 * 3600 - 300
    assert json.loads(get(ours, ROLE, now=five_minutes_before).body)["AccessKeyId"] != first


def test_a_machine_without_a_role_has_no_iam_folder() -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html"""
    assert get(metadata(role_arn=None), "/latest/meta-data/iam/security-credentials/").status == 404


def test_the_identity_document_names_account_region_and_instance() -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html"""
    document = json.loads(get(metadata(), "/latest/dynamic/instance-identity/document").body)
    assert document["accountId"] == "123456789012"
    assert document["region"] == "us-east-1"
    assert document["instanceId"] == "i-0abc"
    assert document["privateIp"] == "10.20.1.5"
    assert document["version"] == "2017-09-30"


def test_user_data_comes_back_as_it_was_given_and_404_without() -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html"""
    assert get(metadata(user_data=b"#!/bin/sh\n"), "/latest/user-data").body == b"#!/bin/sh\n"
    assert get(metadata(), "/latest/user-data").status == 404


def test_tokens_are_bounded_and_the_oldest_goes_first() -> None:
    ours = metadata()
    first = token(ours)
    newest = [token(ours) for _ in range(1000)][-1]
    assert ours.answer("GET", "/latest/meta-data/mac", {"x-aws-ec2-metadata-token": first}, NOW).status == 401
    assert ours.answer("GET", "/latest/meta-data/mac", {"x-aws-ec2-metadata-token": newest}, NOW).status == 200


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server(socket.create_server(("127.0.0.1", 0)), metadata())
    running.serve()
    yield running
    running.close()


def test_the_server_keeps_a_connection_and_speaks_http(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
    connection.request("PUT", "/latest/api/token", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
    answer = connection.getresponse()
    key = answer.read().decode()
    assert answer.headers["X-aws-ec2-metadata-token-ttl-seconds"] == "60"
    connection.request("GET", "/latest/meta-data/instance-id", headers={"X-aws-ec2-metadata-token": key})
    assert connection.getresponse().read() == b"i-0abc"
    connection.request("GET", "/latest/meta-data/instance-id")
    assert connection.getresponse().status == 401
    connection.close()
