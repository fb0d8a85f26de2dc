"""A stack of one's own that keeps exactly one counter running beside whatever else it holds: `cdk synth --app "python app.py"`.

Only what stacks.own offers is used. Run it from the repository's folder, where `stacks` is found.
"""

from __future__ import annotations

import os
from pathlib import Path

from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.own import Application, Foundation, Front, Probe, SingletonAssembly, State, Tolerance

COUNTER = Path(__file__).resolve().parents[2] / "deployables/demo"
COUNTING = Application(
    name="counter",
    command=["/usr/bin/python3", "-u", "/opt/counter/counter.py", "/var/lib/counter"],
    artifact=COUNTER,
    install_to="/opt/counter",
    probes=[Probe(http="http://127.0.0.1:8080/healthz", interval=Duration.seconds(1), timeout=Duration.seconds(1))],
    start_timeout=Duration.seconds(20),
    stop_timeout=Duration.seconds(5),
)


class OwnStack(Stack):
    """A network and a bucket that were there before; the counter; a helper that may talk to it."""

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_, analytics_reporting=False)
        vpc = self._network()
        exports = s3.Bucket(self, "Exports", removal_policy=RemovalPolicy.RETAIN, enforce_ssl=True)

        foundation = Foundation(self, "Foundation", vpc=vpc, deployable_name="counting", alarm_emails=[])
        counter = SingletonAssembly(
            self,
            "Counter",
            vpc=vpc,
            foundation=foundation,
            instance_types=[ec2.InstanceType("t4g.small")],
            front=Front.elastic_ip(ports=[8080]),
            state=State.s3(path="/var/lib/counter", save_interval=Duration.seconds(5)),  # a new machine counts on from there
            health_check_grace_period=Duration.minutes(2),
            tolerance=Tolerance(max_failures=2, window=Duration.hours(1)),
            applications=[COUNTING],
        )

        # What a stack of one's own is for: grants, connections, metrics and the way into the resources beneath.
        exports.grant_put(counter)
        helpers = ec2.SecurityGroup(self, "Helpers", vpc=vpc, description="who else asks the counter", allow_all_outbound=False)
        counter.connections.allow_from(helpers, ec2.Port.tcp(8080), "helpers in the network")
        cloudwatch.Alarm(
            self,
            "Down",
            alarm_description="The counter has not served for five minutes: whatever recovers it, look",
            metric=counter.metric_healthy(),
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            evaluation_periods=5,
        )
        operators = iam.Role(self, "Operators", assumed_by=iam.AccountRootPrincipal())
        foundation.grant_operate(operators)
        counter.auto_scaling_group.add_metadata("Contact", "counting@example.com")

        CfnOutput(self, "CounterFront", value=counter.front_address or "-")
        CfnOutput(self, "CounterPorts", value="8080")
        CfnOutput(self, "CounterGroup", value=counter.auto_scaling_group.ref)
        CfnOutput(self, "Table", value=counter.table.table_name)
        CfnOutput(self, "Bucket", value=foundation.bucket.bucket_name)

    def _network(self) -> ec2.Vpc:
        return ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=0,
            restrict_default_security_group=False,  # nothing is in it, and emptying it takes a function of CDK's own
            subnet_configuration=[ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC, map_public_ip_on_launch=False)],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
            },
        )


def main() -> None:
    app = App(outdir=os.environ.get("CDK_OUTDIR"), analytics_reporting=False)
    OwnStack(app, "own-stack")
    app.synth()


if __name__ == "__main__":
    main()
