"""The numbers by which recovery decides, as the deployable file says them: each bounded, and fit to be used together."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from core.policy import DEFAULT, Policy
from spec.quantities import PERCENT, per_cent
from spec.section import Section
from spec.values import DURATION, Duration, seconds, wrong


def _share(value: object) -> float:
    percent = per_cent(value)
    if not 1 <= percent <= 100:
        raise wrong("is not between 1% and 100%", "choose a share from 1% to 100%")
    return percent / 100


def _timeout(value: object) -> float | None:
    if value == "wait":
        return None
    found_s = seconds(value)
    if not 60 <= found_s <= 21_600:
        raise wrong("is not between 1m and 6h", "write wait, or a duration from 1m to 6h")
    return found_s


_TIMEOUT_SCHEMA: dict[str, Any] = {"anyOf": [{"const": "wait"}, {"type": "string", "pattern": f"^{DURATION.pattern}$"}]}


def _limping(value: object) -> float:
    if value == "kill":
        return 0.0
    found_s = seconds(value)
    if not 60 <= found_s <= 21_600:
        raise wrong("is not between 1m and 6h", "write kill, or a duration from 1m to 6h")
    return found_s


_LIMPING_SCHEMA: dict[str, Any] = {"anyOf": [{"const": "kill"}, {"type": "string", "pattern": f"^{DURATION.pattern}$"}]}


class RecoverySection(Section):
    reports_silent: Annotated[float, Duration("10s", "10m")] = Field(
        default=DEFAULT.report_silent_s, description="a node whose reports have not come for so long is silent; they come every 5 s"
    )
    looks_failing: Annotated[float, Duration("10s", "40s")] = Field(
        default=DEFAULT.looks_failing_s, description="looks from outside, every 10 s, must have failed for so long to be a signal"
    )
    look_fresh: Annotated[float, Duration("2s", "30s")] = Field(
        default=DEFAULT.look_fresh_s, description="how old the look may be that is taken right before a node is replaced"
    )
    doubt: Annotated[float, Duration("20s", "30m")] = Field(
        default=DEFAULT.doubt_s, description="with one signal only: look again for so long, then tell people"
    )
    busy: Annotated[float, Duration("20s", "1h")] = Field(
        default=DEFAULT.busy_s, description="the same for a node that says it is busy: it is given longer"
    )
    disagreement: Annotated[float, Duration("1m", "1h")] = Field(
        default=DEFAULT.disagreement_s,
        description="with `on_disagreement: replace`: how long it says it is well and fails from outside before it is replaced",
    )
    quiet: Annotated[float, Duration("1m", "7d")] = Field(
        default=DEFAULT.quiet_s, description="trouble that was told and not solved is not told again for so long"
    )
    budget: int = Field(
        default=DEFAULT.budget_replacements,
        ge=1,
        le=50,
        description="replacements that all assemblies on the foundation may make",
    )
    budget_window: Annotated[float, Duration("1m", "6h")] = Field(default=DEFAULT.budget_window_s, description="within so long")
    meltdown_nodes: int = Field(
        default=DEFAULT.meltdown_nodes,
        ge=2,
        le=1000,
        description="so many assemblies down in that window are no failure of single ones",
    )
    meltdown_share: Annotated[float, BeforeValidator(_share), WithJsonSchema({"type": "string", "pattern": f"^{PERCENT.pattern}$"})] = (
        Field(
            default=DEFAULT.meltdown_share,
            description="and such a share of all, as 20%: nothing is replaced then, people are told",
        )
    )
    boot_loop: int = Field(
        default=DEFAULT.boot_loop, ge=1, le=10, description="so many replacements in a row that did not live, and no more are tried"
    )
    force_after: Annotated[float, Duration("5s", "10m")] = Field(
        default=DEFAULT.force_after_s, description="a machine that EC2 does not end in that time is ended by force"
    )
    page_after: Annotated[float, Duration("30s", "50m")] = Field(
        default=DEFAULT.fence_page_s, description="EC2 does not say that it ended, or no new one comes: people are told"
    )
    fence_timeout: Annotated[float | None, BeforeValidator(_timeout), WithJsonSchema(_TIMEOUT_SCHEMA)] = Field(
        default=DEFAULT.fence_timeout_s,
        description="EC2 never says that the old machine ended: `wait`, or go on after so long and risk that two run at once",
    )
    limping: Annotated[float, BeforeValidator(_limping), WithJsonSchema(_LIMPING_SCHEMA)] = Field(
        default=DEFAULT.limping_s,
        description="a node that serves on is ended when another one is ready, waited for so long at most; `kill`: it is ended at once",
    )
    verify: Annotated[float, Duration("30s", "50m")] = Field(
        default=DEFAULT.verify_s, description="a new node that runs and is not seen to serve in that time is a person's"
    )
    new_target: Annotated[float, Duration("1s", "30m")] = Field(
        default=DEFAULT.new_target_s, description="so much longer behind a network load balancer, which takes minutes to know a new node"
    )
    incident: Annotated[float, Duration("10m", "6h")] = Field(
        default=DEFAULT.incident_s, description="an incident that is open for so long is a person's"
    )

    retire: Annotated[float, Duration("30s", "30m")] = Field(
        default=DEFAULT.retire_s, description="a healthy node that its whole deployable takes along may take so long to go offline"
    )
    rung_stop: Annotated[float, Duration("1m", "50m")] = Field(
        default=DEFAULT.rung_stop_s, description="while a whole deployable is recreated: whoever has not stopped by then is left behind"
    )
    rung_again: Annotated[float, Duration("1m", "7d")] = Field(
        default=DEFAULT.rung_again_s, description="a deployable is recreated as a whole once in so long; what fails again is a person's"
    )
    call_again: Annotated[float, Duration("5s", "10m")] = Field(
        default=DEFAULT.call_again_s, description="and an assembly that has not taken note of it is called again"
    )
    database: Annotated[float, Duration("1s", "30m")] = Field(
        default=DEFAULT.database_s, description="and its database is waited for, before nodes are let in all the same"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        try:
            to_policy(self)
        except ValueError as error:
            raise wrong(f"does not fit together: {error}", "give `incident` more time, or the other less") from error
        return self


def to_policy(section: RecoverySection) -> Policy:
    return Policy(
        report_silent_s=section.reports_silent,
        looks_failing_s=section.looks_failing,
        look_fresh_s=section.look_fresh,
        doubt_s=section.doubt,
        busy_s=section.busy,
        disagreement_s=section.disagreement,
        quiet_s=section.quiet,
        budget_replacements=section.budget,
        budget_window_s=section.budget_window,
        meltdown_nodes=section.meltdown_nodes,
        meltdown_share=section.meltdown_share,
        boot_loop=section.boot_loop,
        force_after_s=section.force_after,
        fence_page_s=section.page_after,
        fence_timeout_s=section.fence_timeout,
        limping_s=section.limping,
        verify_s=section.verify,
        new_target_s=section.new_target,
        incident_s=section.incident,
        retire_s=section.retire,
        rung_stop_s=section.rung_stop,
        rung_again_s=section.rung_again,
        call_again_s=section.call_again,
        database_s=section.database,
    )
