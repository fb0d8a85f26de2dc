"""EC2: the description of a security group rule whose other side is a group."""

from __future__ import annotations

from moto.ec2.models.security_groups import SecurityGroupRule


def install() -> None:
    """moto keeps the text with the group pair and reports that of address ranges only."""

    def description(self: SecurityGroupRule) -> str | None:
        text = self.ip_range.get("Description") or self.source_group.get("Description")
        return None if text is None else str(text)

    SecurityGroupRule.description = property(description)  # type: ignore[assignment]  # of another kind in moto
