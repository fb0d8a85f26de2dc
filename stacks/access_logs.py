"""Where load balancers put their logs: into the foundation's bucket, by a statement of its policy."""

from __future__ import annotations

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import IDependable

LOGS = "access"  # where in the bucket
LOGS_KEPT = Duration.days(90)
ANY = f"{LOGS}/*"  # of whoever stands on a shared foundation


def log_prefix(deployable: str, assembly: str) -> str:
    return f"{LOGS}/{deployable}/{assembly}"


def let_logs_in(bucket: s3.Bucket, prefix: str) -> IDependable:
    """The policy that must stand before a balancer that logs there, for Elastic Load Balancing tries it at once.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html ("Step 2").
    """
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("logdelivery.elasticloadbalancing.amazonaws.com")],
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects(f"{prefix}/AWSLogs/{Aws.ACCOUNT_ID}/*")],
        )
    )
    below = prefix.rstrip("*").rstrip("/")
    bucket.add_lifecycle_rule(prefix=f"{below}/", expiration=LOGS_KEPT, noncurrent_version_expiration=Duration.days(7))
    assert bucket.policy is not None, "a statement was added just now"
    return bucket.policy
