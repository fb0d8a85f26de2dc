"""A template with every type that the emulator makes, each with every property that we set anywhere."""

from __future__ import annotations

from typing import Any

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": "*"}]}
TAGS = [{"Key": "understudy:deployable", "Value": "demo"}]


def att(logical_id: str, name: str = "Arn") -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, name]}


def a(type_name: str, **properties: Any) -> dict[str, Any]:
    return {"Type": type_name, "Properties": properties}


NETWORK = {
    "Vpc": a(
        "AWS::EC2::VPC", CidrBlock="10.9.0.0/16", EnableDnsHostnames=True, EnableDnsSupport=True, InstanceTenancy="default", Tags=TAGS
    ),
    "Subnet": a(
        "AWS::EC2::Subnet",
        VpcId={"Ref": "Vpc"},
        CidrBlock="10.9.1.0/24",
        AvailabilityZone={"Fn::Select": [0, {"Fn::GetAZs": ""}]},
        MapPublicIpOnLaunch=True,
        Tags=TAGS,
    ),
    "Gateway": a("AWS::EC2::InternetGateway", Tags=TAGS),
    "Attachment": a("AWS::EC2::VPCGatewayAttachment", VpcId={"Ref": "Vpc"}, InternetGatewayId={"Ref": "Gateway"}),
    "Table": a("AWS::EC2::RouteTable", VpcId={"Ref": "Vpc"}, Tags=TAGS),
    "Route": a("AWS::EC2::Route", RouteTableId={"Ref": "Table"}, DestinationCidrBlock="0.0.0.0/0", GatewayId={"Ref": "Gateway"})
    | {"DependsOn": "Attachment"},
    "Link": a("AWS::EC2::SubnetRouteTableAssociation", RouteTableId={"Ref": "Table"}, SubnetId={"Ref": "Subnet"}),
    "Endpoint": a(
        "AWS::EC2::VPCEndpoint",
        VpcId={"Ref": "Vpc"},
        ServiceName={"Fn::Join": ["", ["com.amazonaws.", {"Ref": "AWS::Region"}, ".s3"]]},
        VpcEndpointType="Gateway",
        RouteTableIds=[{"Ref": "Table"}],
    ),
    "Volume": a(
        "AWS::EC2::Volume",
        AvailabilityZone={"Fn::GetAtt": ["Subnet", "AvailabilityZone"]},
        Size=1,
        VolumeType="gp3",
        Encrypted=True,
        Tags=TAGS,
    ),
    "Snapshots": a(
        "AWS::DLM::LifecyclePolicy",
        ExecutionRoleArn="arn:aws:iam::123456789012:role/snapshots",
        State="ENABLED",
        Description="daily",
        PolicyDetails={"TargetTags": TAGS, "Schedules": [{"Name": "daily", "RetainRule": {"Count": 7}}]},
    ),
    "NatAddress": a("AWS::EC2::EIP", Domain="vpc"),
    "Nat": a("AWS::EC2::NatGateway", SubnetId={"Ref": "Subnet"}, AllocationId=att("NatAddress", "AllocationId")),
    "Interface": a(
        "AWS::EC2::NetworkInterface",
        SubnetId={"Ref": "Subnet"},
        GroupSet=[att("Prober", "GroupId")],
        Description="moves",
        PrivateIpAddress="10.9.1.77",
        Tags=TAGS,
    ),
    "Prober": a(
        "AWS::EC2::SecurityGroup",
        GroupDescription="asks",
        VpcId={"Ref": "Vpc"},
        SecurityGroupEgress=[{"CidrIp": "0.0.0.0/0", "Description": "out", "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}],
        Tags=TAGS,
    ),
    "Node": a(
        "AWS::EC2::SecurityGroup",
        GroupDescription="answers",
        VpcId={"Ref": "Vpc"},
        SecurityGroupIngress=[{"CidrIp": "0.0.0.0/0", "Description": "in", "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}],
        SecurityGroupEgress=[{"CidrIp": "255.255.255.255/32", "Description": "none", "IpProtocol": "icmp", "FromPort": 252, "ToPort": 86}],
    ),
    "Ingress": a(
        "AWS::EC2::SecurityGroupIngress",
        GroupId=att("Node", "GroupId"),
        SourceSecurityGroupId=att("Prober", "GroupId"),
        IpProtocol="tcp",
        FromPort=7810,
        ToPort=7810,
        Description="looks",
    ),
    "Egress": a(
        "AWS::EC2::SecurityGroupEgress",
        GroupId=att("Prober", "GroupId"),
        DestinationSecurityGroupId=att("Node", "GroupId"),
        IpProtocol="tcp",
        FromPort=7810,
        ToPort=7810,
        Description="looks",
    ),
}
DATA = {
    "Bucket": a(
        "AWS::S3::Bucket",
        BucketEncryption={"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
        LifecycleConfiguration={
            "Rules": [
                {
                    "Id": "old",
                    "Status": "Enabled",
                    "Prefix": "evidence/",
                    "ExpirationInDays": 90,
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                },
                {"Status": "Enabled", "Prefix": "state/", "ObjectSizeLessThan": 1, "ExpirationInDays": 1},
                {"Status": "Enabled", "Prefix": "state/", "ExpiredObjectDeleteMarker": True},
            ]
        },
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True,
        },
        VersioningConfiguration={"Status": "Enabled"},
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        Tags=TAGS,
    ),
    "BucketPolicy": a(
        "AWS::S3::BucketPolicy",
        Bucket={"Ref": "Bucket"},
        PolicyDocument={
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": {"AWS": "*"},
                    "Action": "s3:*",
                    "Resource": att("Bucket"),
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        },
    ),
    "State": a(
        "AWS::DynamoDB::Table",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        SSESpecification={"SSEEnabled": True},
        StreamSpecification={"StreamViewType": "NEW_AND_OLD_IMAGES"},
        TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": True},
        DeletionProtectionEnabled=True,
        Tags=TAGS,
    ),
    "Version": a("AWS::SSM::Parameter", Name="/lab/version", Type="String", Value="7", Description="of the lab"),
}  # fmt: skip
PEOPLE = {
    "Role": a(
        "AWS::IAM::Role",
        AssumeRolePolicyDocument=TRUST,
        Description="works",
        MaxSessionDuration=7200,
        Path="/",
        ManagedPolicyArns=["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
        Policies=[{"PolicyName": "own", "PolicyDocument": ALLOW}],
        Tags=TAGS,
    ),
    "Policy": a("AWS::IAM::Policy", PolicyName="sends", PolicyDocument=ALLOW, Roles=[{"Ref": "Role"}]),
    "Profile": a("AWS::IAM::InstanceProfile", Roles=[{"Ref": "Role"}]),
}
MESSAGES = {
    "Dead": a("AWS::SQS::Queue", MessageRetentionPeriod=1209600, SqsManagedSseEnabled=True),
    "Work": a(
        "AWS::SQS::Queue",
        DelaySeconds=1,
        VisibilityTimeout=60,
        ReceiveMessageWaitTimeSeconds=5,
        RedrivePolicy={"deadLetterTargetArn": att("Dead"), "maxReceiveCount": 3},
        KmsMasterKeyId="alias/aws/sqs",
        Tags=TAGS,
    ),
    "WorkPolicy": a(
        "AWS::SQS::QueuePolicy",
        Queues=[{"Ref": "Work"}],
        PolicyDocument={
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": att("Work"),
                    "Condition": {"ArnEquals": {"aws:SourceArn": att("Tick")}},
                }
            ],
        },
    ),
    "Key": a(
        "AWS::KMS::Key",
        Description="of the topic",
        EnableKeyRotation=True,
        KeySpec="SYMMETRIC_DEFAULT",
        KeyUsage="ENCRYPT_DECRYPT",
        PendingWindowInDays=7,
        KeyPolicy={
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": {"Fn::Join": ["", ["arn:aws:iam::", {"Ref": "AWS::AccountId"}, ":root"]]}},
                    "Action": ["kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"],
                    "Resource": "*",
                }
            ],
        },
        Tags=TAGS,
    ),
    "Topic": a("AWS::SNS::Topic", DisplayName="Pages", KmsMasterKeyId=att("Key"), Tags=TAGS),
    "TopicPolicy": a(
        "AWS::SNS::TopicPolicy",
        Topics=[{"Ref": "Topic"}],
        PolicyDocument={
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": {"Ref": "Topic"}}],
        },
    ),
    "Subscription": a("AWS::SNS::Subscription", TopicArn={"Ref": "Topic"}, Protocol="sqs", Endpoint=att("Dead"), RawMessageDelivery=True),
    "Mail": a("AWS::SNS::Subscription", TopicArn={"Ref": "Topic"}, Protocol="email", Endpoint="ops@example.com"),
    "Tick": a("AWS::Events::Rule", ScheduleExpression="rate(1 minute)", State="ENABLED", Description="turns"),
    "Gone": a(
        "AWS::Events::Rule",
        State="ENABLED",
        EventPattern={"source": ["aws.ec2"], "detail": {"state": ["terminated", {"prefix": "shut"}]}},
        Targets=[
            {
                "Id": "Target0",
                "Arn": att("Work"),
                "DeadLetterConfig": {"Arn": att("Dead")},
                "RetryPolicy": {"MaximumEventAgeInSeconds": 300, "MaximumRetryAttempts": 2},
                "InputTransformer": {"InputPathsMap": {"i": "$.detail.instance-id"}, "InputTemplate": '{"instance": <i>}'},
            }
        ],
    ),
}
FUNCTIONS = {
    "Log": a("AWS::Logs::LogGroup", RetentionInDays=30, Tags=TAGS),
    "Function": a(
        "AWS::Lambda::Function",
        Architectures=["arm64"],
        Code={"S3Bucket": "lab-code", "S3Key": "code.zip"},
        DeadLetterConfig={"TargetArn": att("Dead")},
        Description="works",
        Environment={"Variables": {"QUEUE": {"Ref": "Work"}}},
        EphemeralStorage={"Size": 1024},
        Handler="lambdas.tick.handler",
        LoggingConfig={"LogFormat": "JSON", "LogGroup": {"Ref": "Log"}, "ApplicationLogLevel": "INFO"},
        MemorySize=256,
        RecursiveLoop="Allow",
        ReservedConcurrentExecutions=1,
        Role=att("Role"),
        Runtime="python3.14",
        Timeout=60,
        TracingConfig={"Mode": "Active"},
        VpcConfig={"SubnetIds": [{"Ref": "Subnet"}], "SecurityGroupIds": [att("Prober", "GroupId")]},
        Tags=TAGS,
    ),
    "Permission": a(
        "AWS::Lambda::Permission",
        FunctionName=att("Function"),
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=att("Tick"),
        SourceAccount={"Ref": "AWS::AccountId"},
    ),
    "AlarmPermission": a(
        "AWS::Lambda::Permission",
        FunctionName=att("Function"),
        Action="lambda:InvokeFunction",
        Principal="lambda.alarms.cloudwatch.amazonaws.com",
        SourceArn=att("Alarm"),
    ),
    "Asynchronous": a(
        "AWS::Lambda::EventInvokeConfig",
        FunctionName={"Ref": "Function"},
        Qualifier="$LATEST",
        MaximumEventAgeInSeconds=300,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": att("Dead")}},
    ),
    "Requests": a(
        "AWS::Lambda::EventSourceMapping",
        EventSourceArn=att("State", "StreamArn"),
        FunctionName={"Ref": "Function"},
        StartingPosition="TRIM_HORIZON",
        BatchSize=10,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=3,
        MaximumRecordAgeInSeconds=300,
        MaximumBatchingWindowInSeconds=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria={"Filters": [{"Pattern": '{"eventName":["INSERT"]}'}]},
        DestinationConfig={"OnFailure": {"Destination": att("Dead")}},
    ),
    "Sweeps": a(
        "AWS::Lambda::EventSourceMapping",
        EventSourceArn=att("Work"),
        FunctionName=att("Function"),
        BatchSize=1,
        Enabled=True,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    ),
}
WATCHING = {
    "Alarm": a(
        "AWS::CloudWatch::Alarm",
        ActionsEnabled=True,
        AlarmActions=[{"Fn::Join": ["", ["arn:aws:lambda:us-east-1:123456789012:function:", "recover"]]}, {"Ref": "Topic"}],
        AlarmDescription="Healthy fell",
        ComparisonOperator="LessThanThreshold",
        DatapointsToAlarm=3,
        Dimensions=[{"Name": "Deployable", "Value": "demo"}, {"Name": "Assembly", "Value": "counter"}],
        EvaluationPeriods=3,
        InsufficientDataActions=[{"Ref": "Topic"}],
        MetricName="Healthy",
        Namespace="Understudy",
        OKActions=[{"Ref": "Topic"}],
        Period=10,
        Statistic="Minimum",
        Tags=TAGS,
        Threshold=1,
        TreatMissingData="ignore",
    ),
    "Maths": a(
        "AWS::CloudWatch::Alarm",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        Threshold=0,
        TreatMissingData="notBreaching",
        Metrics=[
            {"Id": "sum", "Expression": "a+a", "Label": "Twice", "ReturnData": True},
            {
                "Id": "a",
                "ReturnData": False,
                "MetricStat": {
                    "Metric": {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": [{"Name": "FunctionName", "Value": "x"}]},
                    "Period": 60,
                    "Stat": "Sum",
                },
            },
        ],
    ),
    "Composed": a(
        "AWS::CloudWatch::CompositeAlarm",
        ActionsEnabled=True,
        AlarmActions=[{"Ref": "Topic"}],
        AlarmDescription="either rings",
        AlarmRule={"Fn::Join": ["", ['ALARM("', att("Alarm"), '") OR ALARM("', att("Maths"), '")']]},
        InsufficientDataActions=[{"Ref": "Topic"}],
        OKActions=[{"Ref": "Topic"}],
        Tags=TAGS,
    ),
    "Board": a("AWS::CloudWatch::Dashboard", DashboardName="lab", DashboardBody='{"widgets": []}'),
}
EVERYTHING = NETWORK | DATA | PEOPLE | MESSAGES | FUNCTIONS | WATCHING
