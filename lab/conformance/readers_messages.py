"""Reads AWS::SNS::*, AWS::SQS::*, AWS::KMS::Key, AWS::Events::Rule, AWS::CloudWatch::* and AWS::Logs::LogGroup back."""

from __future__ import annotations

from typing import Any

from lab.conformance.live import Live, Missing, Read, only, reader, some, tag_list


@reader("AWS::SQS::Queue")
def queue(read: Read) -> Live:
    sqs = read.api("sqs")
    found = sqs.get_queue_attributes(QueueUrl=read.physical_id, AttributeNames=["All"])["Attributes"]
    name = found["QueueArn"].split(":")[-1]
    tags = tag_list(sqs.list_queue_tags(QueueUrl=read.physical_id).get("Tags", {}))
    attributes = {"Arn": found["QueueArn"], "QueueName": name, "QueueUrl": read.physical_id}
    return Live({**found, "QueueName": name, "Tags": tags}, attributes)


@reader("AWS::SQS::QueuePolicy")
def queue_policy(read: Read) -> Live:
    sqs = read.api("sqs")
    policies = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {}) for url in read.wanted["Queues"]]
    document = only([policy.get("Policy") for policy in policies], "queue of the policy")
    if document is None:
        raise Missing("the queue has no policy")
    return Live({"Queues": read.wanted["Queues"], "PolicyDocument": document}, {"Id": read.physical_id})


@reader("AWS::SNS::Topic")
def topic(read: Read) -> Live:
    sns, arn = read.api("sns"), read.physical_id
    found = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    name = arn.split(":")[-1]
    tags = sns.list_tags_for_resource(ResourceArn=arn)["Tags"]
    return Live({**found, "TopicName": name, "Tags": tags}, {"TopicArn": arn, "TopicName": name})


@reader("AWS::SNS::TopicPolicy")
def topic_policy(read: Read) -> Live:
    sns = read.api("sns")
    documents = [sns.get_topic_attributes(TopicArn=arn)["Attributes"].get("Policy") for arn in read.wanted["Topics"]]
    return Live({"Topics": read.wanted["Topics"], "PolicyDocument": only(documents, "topic of the policy")}, {"Id": read.physical_id})


@reader("AWS::SNS::Subscription")
def subscription(read: Read) -> Live:
    """Read from the topic's list first: an address that was not confirmed has no attributes on AWS."""
    sns = read.api("sns")
    listed = sns.list_subscriptions_by_topic(TopicArn=read.wanted["TopicArn"])["Subscriptions"]
    match = only([item for item in listed if item["SubscriptionArn"] == read.physical_id], read.physical_id)
    attributes = sns.get_subscription_attributes(SubscriptionArn=read.physical_id)["Attributes"]
    return Live({**attributes, **some(match, "TopicArn", "Protocol", "Endpoint")}, {"Arn": read.physical_id})


@reader("AWS::KMS::Key")
def key(read: Read) -> Live:
    kms, key_id = read.api("kms"), read.physical_id
    found = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    if found["KeyState"] == "PendingDeletion":
        raise Missing(f"{key_id} is going to be deleted")
    properties = some(found, "Description", "KeySpec", "KeyUsage", "MultiRegion", "Origin")
    properties["KeyPolicy"] = kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]
    properties["EnableKeyRotation"] = kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]
    # A wish for the day of its deletion, which a key that is there does not tell.
    properties |= some(read.wanted, "PendingWindowInDays")
    tags = kms.list_resource_tags(KeyId=key_id)["Tags"]
    properties["Tags"] = tag_list({tag["TagKey"]: tag["TagValue"] for tag in tags})
    return Live(properties, {"Arn": found["Arn"], "KeyId": key_id})


@reader("AWS::Events::Rule")
def rule(read: Read) -> Live:
    events, name = read.api("events"), read.physical_id
    bus = some(read.wanted, "EventBusName")
    found = events.describe_rule(Name=name, **bus)
    names = ("Name", "Description", "EventPattern", "ScheduleExpression", "State", "RoleArn", "EventBusName")
    targets = events.list_targets_by_rule(Rule=name, **bus)["Targets"]
    tags = events.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"]
    return Live({**some(found, *names), "Targets": targets, "Tags": tags}, {"Arn": found["Arn"]})


@reader("AWS::CloudWatch::Alarm")
def alarm(read: Read) -> Live:
    cloudwatch, name = read.api("cloudwatch"), read.physical_id
    found: dict[str, Any] = only(cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"], name)
    tags = cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]
    return Live({**found, "Tags": tags}, {"Arn": found["AlarmArn"]})


@reader("AWS::CloudWatch::CompositeAlarm")
def composite_alarm(read: Read) -> Live:
    cloudwatch, name = read.api("cloudwatch"), read.physical_id
    found: dict[str, Any] = only(cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"], name)
    tags = cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]
    return Live({**found, "Tags": tags}, {"Arn": found["AlarmArn"]})


@reader("AWS::CloudWatch::Dashboard")
def dashboard(read: Read) -> Live:
    found = read.api("cloudwatch").get_dashboard(DashboardName=read.physical_id)
    return Live(some(found, "DashboardName", "DashboardBody"))


@reader("AWS::Logs::LogGroup")
def log_group(read: Read) -> Live:
    logs, name = read.api("logs"), read.physical_id
    groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    found = only([group for group in groups if group["logGroupName"] == name], name)
    properties = {"LogGroupName": name, "Tags": tag_list(logs.list_tags_log_group(logGroupName=name)["tags"])}
    properties |= {"RetentionInDays": found["retentionInDays"]} if "retentionInDays" in found else {}
    properties |= {"KmsKeyId": found["kmsKeyId"]} if "kmsKeyId" in found else {}
    arn = found["arn"]
    return Live(properties, {"Arn": arn if arn.endswith(":*") else f"{arn}:*"})
