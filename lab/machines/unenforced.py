"""Directives that the stand-in for systemd takes without effect, each with the reason; the docs list them from here."""

from __future__ import annotations

_NO_CGROUPS = "a machine of the lab has no control groups of its own"
_SANDBOX = "it only takes something away from the service: the stand-in gives every service the whole machine"

UNENFORCED: dict[str, str] = {
    **dict.fromkeys(("MemoryMin", "MemoryLow", "MemoryHigh", "MemoryMax", "MemorySwapMax"), _NO_CGROUPS),
    **dict.fromkeys(("CPUWeight", "CPUQuota", "IOWeight", "TasksMax", "Delegate", "OOMPolicy", "Slice"), _NO_CGROUPS),
    "Documentation": "it is for people",
    "SyslogIdentifier": "journals are one file per unit",
    **dict.fromkeys(
        (
            # systemd.exec(5), "Sandboxing", "Capabilities" and "System Call Filtering".
            *("CapabilityBoundingSet", "LockPersonality", "MemoryDenyWriteExecute", "SystemCallArchitectures", "SystemCallFilter"),
            *("PrivateDevices", "PrivateMounts", "PrivateTmp", "ProcSubset", "RemoveIPC"),
            *("ProtectClock", "ProtectControlGroups", "ProtectHome", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules"),
            *("ProtectKernelTunables", "ProtectProc", "ProtectSystem"),
            *("RestrictAddressFamilies", "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID"),
        ),
        _SANDBOX,
    ),
}


def by_reason() -> list[tuple[str, str]]:
    """(directives, why), one row for each reason."""
    reasons: dict[str, list[str]] = {}
    for name, why in UNENFORCED.items():
        reasons.setdefault(why, []).append(name)
    return [(", ".join(f"`{name}`" for name in sorted(names)), why) for why, names in reasons.items()]
