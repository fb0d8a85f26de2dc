"""Conditional writes have one winner, which moto alone does not promise."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError

from tests.lab.emulator_process import Emulator, emulator

THREADS = 50
ROUNDS = pytest.mark.parametrize("rounds", [4, pytest.param(150, marks=pytest.mark.heavy)])
LOST = {"ConditionalCheckFailedException", "PreconditionFailed", "ConditionalRequestConflict"}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator(tmp_path_factory.mktemp("lab")) as running:
        yield running


def winners(write: Callable[[int], object]) -> int:
    """How many of THREADS writers, released at once, were told they won."""
    gate, won, odd = threading.Barrier(THREADS), [], []

    def one(number: int) -> None:
        gate.wait()
        try:
            write(number)
            won.append(number)
        except ClientError as error:
            if error.response["Error"]["Code"] not in LOST:
                odd.append(str(error))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not odd
    return len(won)


@ROUNDS
def test_one_of_fifty_writers_creates_an_item(aws: Emulator, rounds: int) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html#WorkingWithItems.ConditionalUpdate"""
    dynamodb, name = aws.api("dynamodb"), f"race-{rounds}"
    key = {"AttributeName": "pk", "AttributeType": "S"}
    dynamodb.create_table(
        TableName=name, AttributeDefinitions=[key], KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST"
    )
    for race in range(rounds):

        def write(number: int, race: int = race) -> object:
            item = {"pk": {"S": f"permit-{race}"}, "who": {"N": str(number)}}
            return dynamodb.put_item(TableName=name, Item=item, ConditionExpression="attribute_not_exists(pk)")

        assert winners(write) == 1


@ROUNDS
def test_one_of_fifty_writers_creates_an_object(aws: Emulator, rounds: int) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
    s3, name = aws.api("s3"), f"race-{rounds}"
    s3.create_bucket(Bucket=name)
    for race in range(rounds):

        def write(number: int, race: int = race) -> object:
            return s3.put_object(Bucket=name, Key=f"permit-{race}", Body=str(number).encode(), IfNoneMatch="*")

        assert winners(write) == 1
