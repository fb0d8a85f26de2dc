"""What a node boots with: the agent, its settings and the artifacts, published with the template, and what the agent is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import Aws
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from core import names
from core.model import Assembly, Deployable
from core.node.hosts import neighbours_to_text
from core.settings import node_settings_to_json
from stacks.bootstrap import Item, release_of, user_data
from stacks.bundle import Published, artifact_bundle, published
from stacks.database import SharedDatabase
from stacks.file_system import FileState
from stacks.foundation import Standing
from stacks.front import Front
from stacks.volume import VolumeState


@dataclass(frozen=True, slots=True)
class Stage:
    """What was built for the stack: the agent's archive, a folder to build more in, and where artifacts lie."""

    agent: Published
    folder: Path
    artifacts: Path


@dataclass(frozen=True, slots=True)
class Contents:
    """script: the node's user data. assets: the objects that its role must be able to read."""

    script: str
    assets: tuple[s3_assets.Asset, ...]


def contents_of(
    scope: Construct,
    *,
    deployable: Deployable,
    assembly: Assembly,
    foundation: Standing,
    front: Front | None,
    neighbours: Mapping[str, Front | None],
    stage: Stage,
    database: SharedDatabase | None = None,
    volume: VolumeState | None = None,
    files: FileState | None = None,
) -> Contents:
    """Publish what the node needs and say where each part goes.

    neighbours: the fronts that it must know, by assembly. database: when it may talk to it. volume, files: what its state is kept on.
    """
    assets: list[s3_assets.Asset] = []

    def publish(id_: str, part: Published, kind: str, to: str) -> Item:
        asset = s3_assets.Asset(scope, id_, path=str(part.path))
        assets.append(asset)
        return Item(key=asset.s3_object_key, sha256=part.sha256, size=part.size, kind=kind, to=to)

    settings = stage.folder / f"{assembly.name}.agent.json"
    settings.write_text(node_settings_to_json(deployable, assembly.name))
    parts = [("agent", "zip", stage.agent), ("agent.json", "file", published(settings))]
    release = release_of([part.sha256 for _, _, part in parts])
    items = [publish(name, part, kind, f"{names.NODE_HOME}/{release}/{name}") for name, kind, part in parts]
    for application in assembly.applications:
        if application.install is not None:
            archive = stage.folder / f"{assembly.name}.{application.name}.zip"
            part = artifact_bundle(archive, stage.artifacts / application.install.source)
            items.append(publish(f"Artifact-{application.name}", part, "zip", application.install.to))
    script = user_data(
        image=assembly.image,
        bucket=assets[0].s3_bucket_name,
        region=Aws.REGION,
        suffix=Aws.URL_SUFFIX,
        release=release,
        items=items,
        mounts_files=files is not None,
        environment=(
            *_environment(foundation, front, neighbours),
            *([(names.ENV_DATABASE, database.where)] if database is not None else []),
            *([(names.ENV_VOLUME, volume.volume_id)] if volume is not None else []),
            *([(names.ENV_VOLUME, files.where)] if files is not None else []),
        ),
    )
    return Contents(script, tuple(assets))


def _environment(foundation: Standing, front: Front | None, neighbours: Mapping[str, Front | None]) -> tuple[tuple[str, str], ...]:
    told = neighbours_to_text({name: front.address for name, front in neighbours.items() if front and front.address})
    return (
        (names.ENV_TABLE, foundation.table.table_name),
        (names.ENV_BUCKET, foundation.bucket.bucket_name),
        ("UNDERSTUDY_SETTINGS", f"{names.NODE_HOME}/current/agent.json"),
        # The address stays while nodes come and go, so it may stand in what every node of the assembly boots with.
        *([(names.ENV_FRONT, front.address)] if front and front.address else []),
        *([(names.ENV_NEIGHBOURS, told)] if told else []),
    )
