"""Words used on the wire: table keys, tags, metrics, ports, environment variables."""

from __future__ import annotations

PRODUCT = "understudy"

# --- the state table (docs/design: "The state table") ---------------------------------------------
PK, SK, TTL = "pk", "sk", "expires_at"
CURRENT, OPEN = "CURRENT", "OPEN"
BY_AWS = "AWS#"  # beside OPEN, and before a kind: the latest incident of it that AWS mended by itself (core.watching.mending)
REPORT_PREFIX, REQUEST_PREFIX = "REPORT#", "REQUEST#"
BUDGET_PK = "BUDGET"


def node_pk(deployable: str, assembly: str) -> str:
    """Partition that an assembly's nodes write: their reports and requests."""
    return f"NODE#{deployable}#{assembly}"


def report_sk(instance: str) -> str:
    return f"{REPORT_PREFIX}{instance}"


def request_sk(instance: str) -> str:
    return f"{REQUEST_PREFIX}{instance}"


def look_pk(deployable: str, assembly: str) -> str:
    """Partition of probe_nodes: what was last seen from outside, one item an instance."""
    return f"LOOK#{deployable}#{assembly}"


def permit_pk(deployable: str, assembly: str) -> str:
    return f"PERMIT#{deployable}#{assembly}"


def incident_pk(deployable: str, assembly: str) -> str:
    return f"INCIDENT#{deployable}#{assembly}"


def intent_pk(deployable: str) -> str:
    return f"INTENT#{deployable}"


def history_pk(deployable: str) -> str:
    """Partition of record_event: what AWS repaired by itself."""
    return f"HISTORY#{deployable}"


# --- tags: how a Lambda knows, and a policy demands, that a thing is ours --------------------------
TAG_DEPLOYABLE = "understudy:deployable"
TAG_ASSEMBLY = "understudy:assembly"
TAG_VOLUME = "understudy:volume"  # DEPLOYABLE/ASSEMBLY, of the volume that its state is kept on: by this alone snapshots find it
TAG_FOUNDATION = "understudy:foundation"  # the shared foundation's, on what its functions may act on

# --- metrics (one explicit metric per assembly; EMF through the log) -------------------------------
METRIC_NAMESPACE = "Understudy"
METRIC_HEALTHY = "Healthy"  # 1, or 0 for failing and silent alike; dimensions Deployable, Assembly
METRIC_SWEEPS = "Sweeps"  # 1 per completed sweep; dimension Deployable, or Foundation where several share one
# Seconds of each phase of an incident that replaced a node, once it has ended; dimensions Deployable, Assembly.
METRIC_PHASES = {"detect_s": "Detect", "decide_s": "Decide", "act_s": "Act", "verify_s": "Verify"}
DIM_DEPLOYABLE, DIM_ASSEMBLY, DIM_FOUNDATION = "Deployable", "Assembly", "Foundation"

# --- lifecycle hooks -------------------------------------------------------------------------------
LAUNCH_HOOK = "admit"
TERMINATE_HOOK = "retire"


def hook_metadata(deployable: str, assembly: str) -> str:
    """NotificationMetadata of both hooks: lets an event rule and a handler know whose hook it is.

    The group's own name cannot stand in the rule: the group is created after everything that
    handles its hooks, so a reference to it would be a cycle.
    """
    return f"{PRODUCT}/{deployable}/{assembly}"


def parse_hook_metadata(text: str) -> tuple[str, str]:
    """The (deployable, assembly) of a hook's metadata. Raises ValueError naming the text."""
    parts = text.split("/")
    if len(parts) != 3 or parts[0] != PRODUCT or not parts[1] or not parts[2]:
        raise ValueError(f"not a hook of ours: NotificationMetadata {text!r}, expected {PRODUCT}/DEPLOYABLE/ASSEMBLY")
    return parts[1], parts[2]


# --- a shared foundation: what others must know of it, and who stands on it (Systems Manager parameters) ---


def foundation_stack(foundation: str) -> str:
    return f"{PRODUCT}-{foundation}-foundation"


def foundation_parameter(foundation: str, what: str) -> str:
    """Where a deployable finds what it needs of a foundation that it shares."""
    return f"/{PRODUCT}/{foundation}/{what}"


def register_path(foundation: str) -> str:
    """Below it each deployable says what is to be watched: core.watching.register."""
    return f"/{PRODUCT}/{foundation}/deployables"


# --- environment of the functions ------------------------------------------------------------------
ENV_TABLE = "UNDERSTUDY_TABLE"
ENV_BUCKET = "UNDERSTUDY_BUCKET"
ENV_TOPIC = "UNDERSTUDY_TOPIC_ARN"
ENV_TICK_QUEUE = "UNDERSTUDY_TICK_QUEUE_URL"
ENV_RECOVER_QUEUE = "UNDERSTUDY_RECOVER_QUEUE_URL"
FLEET_FILE = "fleet.json"  # in the functions' archive: what this foundation watches (core.watching.fleet)
ENV_NETWORK = "UNDERSTUDY_NETWORK"  # the address range of the nodes' network
ENV_FRONTS = "UNDERSTUDY_FRONTS"  # JSON {assembly: {"kind", "ports", and what that kind needs}}
ENV_DATABASES = "UNDERSTUDY_DATABASES"  # JSON {database instance: deployable}, for record_event
ENV_VOLUMES = "UNDERSTUDY_VOLUMES"  # JSON {assembly: volume id}, of those whose state is kept on one
ENV_FOUNDATION = "UNDERSTUDY_FOUNDATION"  # a shared one's name; then fleet, network and fronts are registered
ENV_FUNCTION_PROBE = "UNDERSTUDY_FUNCTION_PROBE_NODES"  # function names, for who may invoke them
ENV_FUNCTION_RECOVER = "UNDERSTUDY_FUNCTION_RECOVER_ASSEMBLY"
ENV_FUNCTION_ADMIT = "UNDERSTUDY_FUNCTION_ADMIT_NODE"
ENV_FUNCTION_RETIRE = "UNDERSTUDY_FUNCTION_RETIRE_NODE"
ENV_FUNCTION_MOVE_FRONT = "UNDERSTUDY_FUNCTION_MOVE_FRONT"
ENV_FUNCTION_MAKE_USER = "UNDERSTUDY_FUNCTION_MAKE_USER"

# --- environment of a node's agent, beside the table and the bucket ----------------------------------
ENV_FRONT = "UNDERSTUDY_FRONT"  # the clients' address, where there is one
ENV_NEIGHBOURS = "UNDERSTUDY_NEIGHBOURS"  # fronts of other assemblies, as ASSEMBLY=ADDRESS,ASSEMBLY=ADDRESS
ENV_DATABASE = "UNDERSTUDY_DATABASE"  # where the database is, as core.database.parse_whereabouts reads it
ENV_DATABASE_CA = "UNDERSTUDY_DATABASE_CA"  # certificates to trust instead of those that the agent brings
ENV_SAVED = "UNDERSTUDY_SAVED"  # of applications: the file that says what is saved
ENV_VOLUME = "UNDERSTUDY_VOLUME"  # what the assembly's state is kept on: a volume's id, or FILE-SYSTEM:ACCESS-POINT
ENV_HOSTS = "UNDERSTUDY_HOSTS"  # the hosts file to keep, when it is not /etc/hosts

# --- ports -----------------------------------------------------------------------------------------
HA_PORT = 7810
HTTP_PORT = 7880

# --- places on a node ------------------------------------------------------------------------------
NODE_HOME = "/opt/understudy"  # bundles, one folder per hash, and `current`
NODE_ETC = "/etc/understudy"  # agent.env
NODE_STATE = "/var/lib/understudy"  # what survives a restart of the agent
NODE_UNIT = "understudy-agent.service"


def evidence_key(deployable: str, assembly: str, instance: str, name: str) -> str:
    """Where evidence lies in the bucket; nodes may put under their own assembly's prefix."""
    return f"evidence/{deployable}/{assembly}/{instance}/{name}"
