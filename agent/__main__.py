"""python -m agent: keeps one node's applications alive."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from agent.check_settings import check_settings, read_settings
from agent.control_socket import socket_path
from agent.daemon import World, identify, live
from agent.database import BUNDLED_CA, DatabaseFiles
from agent.log import FromLibraries, Log
from agent.metadata import DEFAULT_ENDPOINT, Imds
from agent.ports import Identity, Passwords
from agent.rehearse import rehearse_file
from agent.runs import files
from agent.serving import PortInUse
from agent.state_file import BadState
from agent.systemd import notifier_from_environment
from agent.why import why
from core import names
from core.database import Auth, Database, Whereabouts, parse_whereabouts
from core.node.hosts import parse_neighbours
from core.settings import BadSettings, NodeSettings

ABOUT = """\
The agent of one node. It starts the applications of its settings once the state table holds a permit that names this
instance, keeps them alive, answers on the HA port and over HTTP, and reports to the table.

Environment of `run`:
  UNDERSTUDY_SETTINGS   the settings file (agent.json of the bundle)
  UNDERSTUDY_TABLE      name of the state table
  UNDERSTUDY_BUCKET     name of the bucket for evidence
  UNDERSTUDY_STATE      folder for what survives a restart; default /var/lib/understudy
  UNDERSTUDY_SOCKET     the local socket that `why` and the scripts ask; default /run/understudy/agent.sock; notes of
                        what runs are kept beside it
  UNDERSTUDY_FRONT      the address that clients use, for host names that mean it
  UNDERSTUDY_NEIGHBOURS other assemblies' addresses, as NAME=ADDRESS,NAME=ADDRESS, likewise
  UNDERSTUDY_DATABASE   where the database is, for an assembly that reaches it: host=NAME,port=NUMBER,secret=ARN
  UNDERSTUDY_DATABASE_CA  certificates to trust it by, instead of RDS's own that the agent brings; for a local cloud
  AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_ENDPOINT_URL   as for every AWS SDK; for a local cloud
SIGTERM ends the agent and leaves the applications running, for the next agent adopts them; when the machine goes down, or
Auto Scaling takes it away, they are stopped in reverse order first. Exit status: 0 told to stop, 1 failed, 2 bad settings."""


def variable(name: str) -> str:
    """Raises BadSettings naming the variable."""
    value = os.environ.get(name, "")
    if not value:
        raise BadSettings(f"environment variable {name} is not set; see python -m agent --help")
    return value


async def run(settings: NodeSettings, *, table: str, bucket: str, state: Path, metadata: Imds) -> None:
    """Find out who we are, then live."""
    # Every blocking call has its own time limit; permit, target state, report and evidence can be under way at once.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=8, thread_name_prefix="aws"))
    log, notifier = Log(), notifier_from_environment()
    logging.getLogger().addHandler(FromLibraries(log))
    notifier.say("STATUS=asking the metadata service who this is")
    identity = await identify(metadata, log)
    from agent.aws import DynamoTable, S3Bucket  # half a second of imports: not for --help and check-settings
    from agent.keeping.s3 import S3Store

    log.context.update(node=identity.instance)
    world = World(
        identity=identity,
        metadata=metadata,
        table=DynamoTable(table, identity.region),
        bucket=S3Bucket(bucket, identity.region),
        state_folder=state,
        control=Path(socket_path()),
        log=log,
        notifier=notifier,
        front=os.environ.get(names.ENV_FRONT) or None,
        neighbours=_neighbours(),
        interface_of=metadata.interface,
        database=_database(settings, identity, log),
        volume=os.environ.get(names.ENV_VOLUME, ""),
        store=S3Store(bucket, identity.region) if settings.assembly.state.saved else None,
    )
    await live(settings, world)


def _neighbours() -> Mapping[str, str]:
    """Raises BadSettings naming the variable."""
    try:
        return parse_neighbours(os.environ.get(names.ENV_NEIGHBOURS, ""))
    except ValueError as error:
        raise BadSettings(f"the environment variable {names.ENV_NEIGHBOURS}: {error}") from error


def _database(settings: NodeSettings, identity: Identity, log: Log) -> DatabaseFiles | None:
    """Raises BadSettings naming the variable."""
    wanted = settings.assembly.database
    if wanted is None:
        return None
    text = variable(names.ENV_DATABASE)
    try:
        at = parse_whereabouts(text)
    except ValueError as error:
        raise BadSettings(f"the environment variable {names.ENV_DATABASE}: {error}") from error
    return DatabaseFiles(
        wanted,
        at,
        settings.assembly.applications,
        passwords=_passwords(wanted, at, identity.region),
        folder=Path(socket_path()).parent / "database",
        ca=Path(os.environ.get(names.ENV_DATABASE_CA) or BUNDLED_CA),
        log=log,
    )


def _passwords(wanted: Database, at: Whereabouts, region: str) -> Passwords:
    """Raises BadSettings."""
    if wanted.auth is Auth.IAM:
        from agent.database_token import SignedTokens  # imports botocore

        return SignedTokens(at, wanted.user, region)
    if at.secret is None:
        raise BadSettings(f"the environment variable {names.ENV_DATABASE} names no secret, and database.auth is {wanted.auth.value}")
    from agent.managed_secret import ManagedSecret  # imports the AWS client

    return ManagedSecret(at.secret, region)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m agent", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("run", help="run the agent, as the unit does")
    check = commands.add_parser("check-settings", help="read a settings file and say OK, or what is wrong with it")
    check.add_argument("file", help="agent.json of a bundle; or FILE.properties with the mz.ha.* properties of one application")
    asks = commands.add_parser("why", help="ask the running agent why a verdict is what it is, with the probes' last results")
    asks.add_argument("name", nargs="?", help="an application; all of them when left out")
    asks.add_argument("--json", action="store_true")
    plays = commands.add_parser("rehearse", help="play a recording to the agent's decisions and print what it would do")
    plays.add_argument("file", help="JSON lines, see Recordings in docs/agent.md")
    plays.add_argument("--settings", help="the settings to try; else those that the recording names")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "check-settings":
            print("\n".join(check_settings(chosen.file)))
            return 0
        if chosen.command == "why":
            return why(chosen.name, as_json=chosen.json)
        if chosen.command == "rehearse":
            return rehearse_file(chosen.file, chosen.settings, read_settings)
        files.take_own()
        settings = read_settings(variable("UNDERSTUDY_SETTINGS"))
        table, bucket = variable(names.ENV_TABLE), variable(names.ENV_BUCKET)
        state = Path(os.environ.get("UNDERSTUDY_STATE", names.NODE_STATE))
        metadata = Imds(os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", DEFAULT_ENDPOINT))
        asyncio.run(run(settings, table=table, bucket=bucket, state=state, metadata=metadata))
    except BadSettings as error:
        print(f"understudy agent: {error}", file=sys.stderr)
        return 2
    except (PortInUse, BadState) as error:
        print(f"understudy agent: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
