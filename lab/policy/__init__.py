"""Policies enforced at call time: each call of a role is matched against the template's own policies."""

from lab.policy.enforce import allowed, check, install, start

__all__ = ["allowed", "check", "install", "start"]
