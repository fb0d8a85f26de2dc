"""Reads a deployable file into core's model, or says all that is wrong with it."""

from spec.load import Loaded, load, load_with_warnings
from spec.problems import Problem, SpecError, Warned
from spec.schema import json_schema
from spec.values import architecture_of

__all__ = ["Loaded", "Problem", "SpecError", "Warned", "architecture_of", "json_schema", "load", "load_with_warnings"]
