"""CloudFormation as AWS does it: real order, events per resource, and no silence about what it cannot make."""

from lab.emulator.cloudformation.engine import install

__all__ = ["install"]
