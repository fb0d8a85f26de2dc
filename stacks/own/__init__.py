"""For people with stacks of their own: the constructs that keep exactly one of something running, in any VPC.

They say what a deployable file says, with CDK's types and AWS's names, and go through the same checks; docs/own-stack.md.
"""

from stacks.own.foundation import Foundation
from stacks.own.props import Application, Front, Image, Probe, State, Tolerance
from stacks.own.singleton import SingletonAssembly

__all__ = ["Application", "Foundation", "Front", "Image", "Probe", "SingletonAssembly", "State", "Tolerance"]
