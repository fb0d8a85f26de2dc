"""Whether an assembly's alarm rings: alarms act on transitions only, so a lost action is found by asking."""

from __future__ import annotations

from core import names
from lambdas.adapters.clients import calling, client


def rings(deployable: str, assembly: str) -> bool:
    wanted = {names.DIM_DEPLOYABLE: deployable, names.DIM_ASSEMBLY: assembly}
    with calling(f"describe the alarm of {deployable}/{assembly}"):
        answer = client("cloudwatch").describe_alarms_for_metric(
            Namespace=names.METRIC_NAMESPACE,
            MetricName=names.METRIC_HEALTHY,
            Dimensions=[{"Name": name, "Value": value} for name, value in wanted.items()],
        )
    return any(
        alarm["StateValue"] == "ALARM" and {d["Name"]: d["Value"] for d in alarm.get("Dimensions", [])} == wanted
        for alarm in answer["MetricAlarms"]
    )
