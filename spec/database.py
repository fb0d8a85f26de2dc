"""The database that assemblies share, as the deployable file says it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.database import VERSION
from spec.section import Section
from spec.values import Duration, Matching, wrong

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Types.html
InstanceClass = Annotated[
    str,
    Matching(r"db\.[a-z][a-z0-9]{1,12}\.[a-z0-9]{1,12}", "is not a database instance class", "write db.family.size, such as db.t4g.medium"),
]
EngineVersion = Annotated[
    str, Matching(VERSION.pattern, "is not the version of an engine", 'write the minor version too, in quotes, such as "16.4" or "10.11.8"')
]
# Letters, digits and underscores, beginning with a letter: what every engine takes without quotes.
DatabaseName = Annotated[
    str,
    Matching(r"[a-z][a-z0-9_]{0,62}", "is not a name of a database", "use 1 to 63 small letters, digits and underscores, a letter first"),
]
_LEAST_GB = 20  # of gp3: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html


class DatabaseSection(Section):
    engine: Literal["postgres", "mariadb", "mysql"] = Field(description="postgres, mariadb or mysql")
    version: EngineVersion = Field(description='the engine\'s version with its minor one, in quotes, such as "16.4" or "10.11.8"')
    instance: InstanceClass = Field(description="the instance class, such as db.t4g.medium")
    multi_az: bool = Field(default=False, description="whether a standby in another zone takes over when the database fails")
    auth: Literal["secret", "iam"] = Field(
        default="secret",
        description="how applications prove who they are; secret: by a password that RDS makes and changes; iam: by a token of 15 minutes "
        "that the node signs for itself",
    )
    storage: int = Field(default=_LEAST_GB, ge=_LEAST_GB, le=65536, description=f"gigabytes of gp3, {_LEAST_GB} to 65536")
    backups: Annotated[float, Duration("1d", "35d")] = Field(
        default=7 * 86400.0, description="how far back it can be restored to any moment, in whole days such as 7d; at most 35d"
    )
    name: DatabaseName = Field(default="app", description="the name of the database in it")
    busy_budget: Annotated[float, Duration("1s", "7d")] = Field(
        default=600.0,
        description="how long applications may be busy because it does not answer, before their failures count as their own, such as 10m",
    )

    @model_validator(mode="after")
    def _whole_days(self) -> Self:
        if self.backups % 86400:
            raise wrong("keeps backups for a part of a day", "write whole days, such as backups: 7d")
        return self
