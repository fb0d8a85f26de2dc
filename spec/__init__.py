"""Reads a deployable file into core's model, or says all that is wrong with it."""

from spec.load import load
from spec.problems import Problem, SpecError
from spec.schema import json_schema
from spec.values import architecture_of

__all__ = ["Problem", "SpecError", "architecture_of", "json_schema", "load"]
