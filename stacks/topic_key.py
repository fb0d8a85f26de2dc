"""The key that encrypts what people are told: who may use it, and for what."""

from __future__ import annotations

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

# What an owner does with a key, short of using it: enough to deploy, change, look at and delete it.
ADMINISTER = (
    "kms:CancelKeyDeletion",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListKeyPolicies",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateKeyDescription",
)


def topic_key(scope: Construct, id_: str, deployable: str) -> kms.Key:
    """One's own, for AWS's own key for topics lets no alarm publish.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html; what a publisher needs:
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html. "Adding the aws:SourceAccount and aws:SourceArn to a AWS KMS
    policy is not supported for EventBridge-to-encrypted topics", says that page, so rules are let in without. Not rotated: what it
    encrypts lies there for seconds, and each of the first two rotations costs a dollar a month more.
    """
    account = [iam.AccountRootPrincipal()]
    return kms.Key(
        scope,
        id_,
        description=f"{deployable}: what people are told, while it waits to be sent",
        enable_key_rotation=False,
        policy=iam.PolicyDocument(
            statements=[
                iam.PolicyStatement(sid="TheAccountAdministers", principals=account, actions=[*ADMINISTER], resources=["*"]),
                # Which of its roles may, their own policies say.
                iam.PolicyStatement(
                    sid="ItsRolesMayPublish",
                    principals=account,
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=["*"],
                    conditions={"StringEquals": {"kms:ViaService": f"sns.{Aws.REGION}.amazonaws.com"}},
                ),
                iam.PolicyStatement(
                    sid="AlarmsMayPublish",
                    principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                    actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                    resources=["*"],
                    conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
                ),
                iam.PolicyStatement(
                    sid="RulesMayPublish",
                    principals=[iam.ServicePrincipal("events.amazonaws.com")],
                    actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                    resources=["*"],
                ),
            ]
        ),
        # Nothing that it encrypted outlives the topic.
        removal_policy=RemovalPolicy.DESTROY,
        pending_window=Duration.days(7),
    )
