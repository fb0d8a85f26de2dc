"""AWS::SNS::* and AWS::SQS::*."""

from __future__ import annotations

import json
from typing import Any

from lab.emulator.cloudformation.identity import regional_arn
from lab.emulator.cloudformation.provider import Made, Request, resource

_QUEUE_ATTRIBUTES = (
    "DelaySeconds", "MaximumMessageSize", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "VisibilityTimeout",
    "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled", "FifoQueue", "ContentBasedDeduplication",
)  # fmt: skip


def _attribute(value: Any) -> str:
    """Attributes of queues, topics and subscriptions are texts, whatever they mean."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)


@resource("AWS::SQS::Queue", name="QueueName", name_max=80, attributes=("Arn", "QueueName", "QueueUrl"), again=True)
def queue(request: Request) -> Made:
    sqs, props, name = request.api("sqs"), request.props, request.name
    given = props.pick(*_QUEUE_ATTRIBUTES, "RedrivePolicy", "RedriveAllowPolicy")
    attributes = {key: _attribute(value) for key, value in given.items()}
    sqs.create_queue(QueueName=name)
    url = f"https://sqs.us-east-1.amazonaws.com/{regional_arn('sqs', name).split(':')[4]}/{name}"
    if attributes:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    if tags := props.tag_map():
        sqs.tag_queue(QueueUrl=url, Tags=tags)
    return Made(url, {"Arn": regional_arn("sqs", name), "QueueName": name, "QueueUrl": url}, lambda: sqs.delete_queue(QueueUrl=url))


@resource("AWS::SQS::QueuePolicy", attributes=("Id",), again=True)
def queue_policy(request: Request) -> Made:
    sqs, document = request.api("sqs"), json.dumps(request.props.need("PolicyDocument"))
    for url in request.props.need("Queues"):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
    return Made(request.name, {"Id": request.name})


@resource("AWS::SNS::Topic", name="TopicName", attributes=("TopicArn", "TopicName"), again=True)
def topic(request: Request) -> Made:
    sns, props = request.api("sns"), request.props
    given = props.pick("DisplayName", "KmsMasterKeyId", "FifoTopic", "ContentBasedDeduplication", "TracingConfig", "SignatureVersion")
    attributes = {key: _attribute(value) for key, value in given.items()}
    arn = sns.create_topic(Name=request.name, Attributes=attributes, Tags=props.tags())["TopicArn"]
    for one in props.take("Subscription", []):
        sns.subscribe(TopicArn=arn, Protocol=one["Protocol"], Endpoint=one["Endpoint"])
    return Made(arn, {"TopicArn": arn, "TopicName": request.name}, lambda: sns.delete_topic(TopicArn=arn))


@resource("AWS::SNS::Subscription", attributes=("Arn",))
def subscription(request: Request) -> Made:
    sns, props = request.api("sns"), request.props
    given = props.pick("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "DeliveryPolicy")
    attributes = {key: _attribute(value) for key, value in given.items()}
    names = props.pick("TopicArn", "Protocol", "Endpoint")
    arn = sns.subscribe(**names, Attributes=attributes, ReturnSubscriptionArn=True)["SubscriptionArn"]
    return Made(arn, {"Arn": arn}, lambda: sns.unsubscribe(SubscriptionArn=arn))


@resource("AWS::SNS::TopicPolicy", attributes=("Id",), again=True)
def topic_policy(request: Request) -> Made:
    sns, document = request.api("sns"), json.dumps(request.props.need("PolicyDocument"))
    for arn in request.props.need("Topics"):
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document)
    return Made(request.name, {"Id": request.name})
