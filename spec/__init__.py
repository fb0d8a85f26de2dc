"""Reads a deployable file into core's model, or says all that is wrong with it."""

from spec.capacity import capacity_words
from spec.conversion import Conversion, convert
from spec.egress import way_out, way_out_of
from spec.foundation import is_foundation, load_foundation
from spec.image import image_notes
from spec.load import Loaded, load, load_unpinned, load_with_warnings
from spec.problems import Problem, SpecError, Warned
from spec.quantities import size_text
from spec.schema import json_schema
from spec.standing import file_beside
from spec.together import check_together
from spec.values import architecture_of, duration_text
from spec.xml import Choices

__all__ = [
    "Choices",
    "Conversion",
    "Loaded",
    "Problem",
    "SpecError",
    "Warned",
    "architecture_of",
    "capacity_words",
    "check_together",
    "convert",
    "duration_text",
    "file_beside",
    "image_notes",
    "is_foundation",
    "json_schema",
    "load",
    "load_foundation",
    "load_unpinned",
    "load_with_warnings",
    "size_text",
    "way_out",
    "way_out_of",
]
