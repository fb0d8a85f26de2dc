"""What cdk-nag finds in our templates and we let stand, each with the reason that a security reviewer is given.

A table rather than suppressions in the constructs: a finding of IAM5 names logical ids, the reasons would be repeated for each
role, and a plain `cdk deploy` would carry them along. A row that no finding needs any more fails the tests, and so does a finding
without a row; `python -m tests.stacks.acknowledged` writes the table of docs/security.md.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs/security.md"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """rule: of the pack AwsSolutions. where, finding: regular expressions for a construct's path below its stack, and for what a
    rule with several findings names; logical ids in it are written `<...>`. shown: where, in words.
    """

    rule: str
    where: str
    shown: str
    reason: str
    finding: str = ""

    def covers(self, rule: str, path: str, finding: str) -> bool:
        return self.rule == rule and bool(re.fullmatch(self.where, path)) and bool(re.fullmatch(self.finding, finding))


# In a stack of somebody's own the constructs lie one deeper; on a shared foundation a deployable brings its own leave along.
_FUNCTION = r"(Foundation/)?Functions/\w+Role/DefaultPolicy/Resource|Registration/\w+May/Resource"
_EC2 = r"Resource::arn:<\.\.\.>:ec2:<\.\.\.>:<\.\.\.>:"

ACKNOWLEDGED = (
    Acknowledged(
        "IAM5",
        _FUNCTION,
        "functions: `*` as a resource",
        "Only actions that AWS lets nobody narrow: Describe* of EC2, Auto Scaling, load balancing and CloudWatch, ListStreams, and what "
        "Lambda itself checks on `*` to place the prober in the network, which a Deny takes from the prober's own code. The tests "
        "list them all.",
        r"Resource::\*",
    ),
    Acknowledged(
        "IAM5",
        r"SharedDatabase/User/MakeUserRole/DefaultPolicy/Resource",
        "who makes the database's user: `*` as a resource",
        "What Lambda itself checks on `*` to place a function in the network, and nothing else; a Deny takes it from the function's own "
        "code, which is left with writing its log.",
        r"Resource::\*",
    ),
    Acknowledged(
        "IAM5",
        _FUNCTION,
        "functions: groups, instances, addresses, interfaces, volumes",
        "Their ids are made after the roles, and change with every replacement. A condition on aws:ResourceTag/understudy:deployable "
        "narrows each statement to the deployable's own; a test holds every one of them to it.",
        rf"Resource::arn:<\.\.\.>:autoscaling:<\.\.\.>:<\.\.\.>:autoScalingGroup:\*:autoScalingGroupName/\*|"
        rf"{_EC2}(instance|elastic-ip|network-interface|volume)/\*",
    ),
    Acknowledged(
        "IAM5",
        _FUNCTION,
        "functions: evidence",
        "Evidence has an instance's id and a time in its key. PutObject alone, below the deployable's own prefix (of a shared foundation: "
        "below that of evidence), in a versioned bucket: nobody can read, overwrite for good or delete.",
        r"Resource::<\.\.\.>/evidence/([a-z0-9-]+/)?\*",
    ),
    Acknowledged(
        "IAM5",
        r"\w+/(Node/)?NodeRole/DefaultPolicy/Resource",
        "nodes: evidence",
        "The same, below the assembly's own prefix: a node cannot touch another assembly's.",
        r"Resource::(arn:<\.\.\.>:s3:::)?<\.\.\.>/evidence/[a-z0-9-]+/[a-z0-9-]+/\*",
    ),
    Acknowledged(
        "IAM5",
        r"\w+/(Node/)?NodeRole/DefaultPolicy/Resource",
        "nodes: state",
        "Pieces of state are named by what is in them. GetObject and PutObject alone, below the assembly's own prefix, in a versioned "
        "bucket: a node cannot read another assembly's, list, or delete for good.",
        r"Resource::(arn:<\.\.\.>:s3:::)?<\.\.\.>/state/[a-z0-9-]+/[a-z0-9-]+/\*",
    ),
    Acknowledged(
        "IAM5",
        r"(Foundation/)?Functions/MoveFrontRole/DefaultPolicy/Resource",
        "move_front: changes of Route 53",
        "A change has an id that nobody knows before it is made. GetChange only reads how far it has come; what may be changed is one "
        "record of one zone, by its own statement.",
        r"Resource::arn:<\.\.\.>:route53:::change/\*",
    ),
    Acknowledged(
        "IAM5",
        r"\w+State/SnapshotRole/DefaultPolicy/Resource",
        "snapshots of volumes",
        "Data Lifecycle Manager's role, and nobody else's. It reads with Describe*, which AWS lets nobody narrow; of volumes it may use "
        "the one that bears the assembly's tag; a snapshot has no id and no tag before it is made, and only those with the tag may be "
        "deleted.",
        rf"Resource::\*|{_EC2}volume/\*|Resource::arn:<\.\.\.>:ec2:<\.\.\.>::snapshot/\*",
    ),
    Acknowledged(
        "EC23",
        r"\w+/(Node/|Front/)?(NodeGroup|Door)/Resource",
        "a node's or a load balancer's security group open to 0.0.0.0/0",
        "Only for a front with a public address, and only the ports that the file lists for its clients; everything else is closed, and "
        "the node's own ports are open to the prober's security group alone.",
    ),
    Acknowledged(
        "ELB2",
        r"\w+(Address|Front)/Balancer",
        "a Network Load Balancer without access logs",
        "It logs TLS connections alone, and ours pass TCP on as it is: there would be nothing in the log. An Application Load Balancer "
        "logs with access_logs: true, as every file here that has one says.",
    ),
    Acknowledged(
        "EC26",
        r"\w+/(Node/)?Group",
        "groups that try several instance types: unencrypted disks",
        "The rule cannot read a group with a mixed-instances policy and says so. The launch template of that group encrypts every disk; "
        "a test looks at all of them.",
    ),
    Acknowledged(
        "AS3",
        r"\w+/(Node/)?Group",
        "groups without notifications of every launch and end",
        "Each launch, end and failure of a group is an event that a function handles (the hooks, and recover_assembly), and is kept as an "
        "incident; people are told what came of it on the topic. A mail for every event besides would teach them to ignore it.",
    ),
    Acknowledged(
        "KMS5",
        r"Foundation/(Kept/)?TopicKey/Resource",
        "the topic's key is not rotated",
        "It encrypts messages for the seconds until they are sent, and nothing that lasts: an old key would open nothing. Each of the "
        "first two rotations would cost a dollar a month for ever.",
    ),
    Acknowledged(
        "RDS11",
        r"SharedDatabase/Instance",
        "the database on its engine's own port",
        "It has no public address, and its security group lets in the nodes of the assemblies that reach it and nobody else: another "
        "port would hide nothing from them, and would have to be told to every client.",
    ),
    Acknowledged(
        "S1",
        r"Foundation/(Kept/)?Bucket/Resource",
        "the bucket without server access logs",
        "Access logs need a bucket of their own, which has no logs either. Nobody but our own roles may enter, each by its prefix and over "
        "TLS; whoever must account for every object turns on CloudTrail's data events, which the whole account decides.",
    ),
    Acknowledged(
        "VPC7",
        r"Network/Vpc/Resource",
        "the network without flow logs",
        "In it are nodes and the prober alone, and security groups say who reaches whom. Flow logs are charged by volume, so they are the "
        "account's to decide: `aws ec2 create-flow-logs` turns them on for this network at any time, and no deploy turns them off.",
    ),
)


def markdown() -> str:
    rows = [("rule", "where", "why it stands"), ("---",) * 3]
    rows += [(f"AwsSolutions-{one.rule}", one.shown, one.reason) for one in ACKNOWLEDGED]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def written(text: str) -> str:
    """The page with its table made anew."""
    return re.sub(
        r"<!-- table: acknowledged -->\n.*?<!-- end -->",
        lambda _: f"<!-- table: acknowledged -->\n{markdown()}\n<!-- end -->",
        text,
        flags=re.DOTALL,
    )


def main() -> int:
    PAGE.write_text(written(PAGE.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
