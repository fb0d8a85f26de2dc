"""After a deploy: does the emulator really hold what the template says, every resource and every property?"""

from lab.conformance.check import Problem, check

__all__ = ["Problem", "check"]
