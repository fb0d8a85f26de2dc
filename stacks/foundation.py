"""What a deployable's parts speak through: table, bucket, topic, queues."""

from __future__ import annotations

from typing import Protocol

from aws_cdk import Aws, Duration, RemovalPolicy, Tags
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from core import names
from stacks.kept_state import state_rules
from stacks.reach import Reach
from stacks.topic_key import topic_key

EVIDENCE_KEPT = Duration.days(90)
# A sweep that nobody made in time is not worth making: the next one is at most ten seconds away.
SWEEP_KEPT = Duration.minutes(5)
SWEEP_VISIBILITY = Duration.seconds(60)
INCIDENT_KEPT = Duration.hours(4)
# Above the 60 s that a function may work, and no longer: a lost step is taken again after it.
INCIDENT_VISIBILITY = Duration.seconds(75)


class Standing(Protocol):
    """What an assembly needs of a foundation, whether it is its deployable's own or a shared one."""

    @property
    def table(self) -> dynamodb.ITable: ...

    @property
    def bucket(self) -> s3.IBucket: ...


class Foundation(Construct):
    """State that outlives nodes, functions and, where it is retained, the stack itself."""

    def __init__(self, scope: Construct, id_: str, reach: Reach) -> None:
        super().__init__(scope, id_)
        self.table = self._table()
        self.bucket = self._bucket(reach)
        self.topic_key = topic_key(self, "TopicKey", reach.name)
        self.topic = self._topic(reach.notify)
        self.dead_letters = self._queue("DeadLetters", visibility=Duration.minutes(5), kept=Duration.days(14))
        self.tick_queue = self._queue("TickQueue", visibility=SWEEP_VISIBILITY, kept=SWEEP_KEPT, tries=2)
        self.recover_queue = self._queue("RecoverQueue", visibility=INCIDENT_VISIBILITY, kept=INCIDENT_KEPT, tries=3)
        for kept in (self.table, self.bucket):
            Tags.of(kept).add(*reach.tag)

    def _table(self) -> dynamodb.Table:
        """Encrypted by the key that DynamoDB owns: a recovery has one service less to depend on than with a KMS key."""
        return dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name=names.PK, type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name=names.SK, type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute=names.TTL,
            stream=dynamodb.StreamViewType.NEW_IMAGE,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True),
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _bucket(self, reach: Reach) -> s3.Bucket:
        return s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    prefix="evidence/",
                    expiration=EVIDENCE_KEPT,
                    noncurrent_version_expiration=Duration.days(7),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                ),
                *(s3.LifecycleRule(**rule) for rule in state_rules(reach.deployable)),
            ],
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _topic(self, notify: tuple[str, ...]) -> sns.Topic:
        """Where people are paged."""
        topic = sns.Topic(self, "Topic", enforce_ssl=True, master_key=self.topic_key)
        # A policy of one's own replaces the default one, by which alarms may publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsMayPublish",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        # Rules of this account alone: one of another account reaches a topic only in the name of a role, which is not let in here
        # (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html).
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="RulesMayPublish",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
            )
        )
        for address in notify:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        return topic

    def _queue(self, id_: str, *, visibility: Duration, kept: Duration, tries: int | None = None) -> sqs.Queue:
        """tries: how often a message is handed out before it goes to the dead letters."""
        return sqs.Queue(
            self,
            id_,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=visibility,
            retention_period=kept,
            dead_letter_queue=None if tries is None else sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=tries),
        )
