"""Metric math: one series worked out from others, period by period.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html

What alarms may sensibly use of it: + - * /, FILL, and SUM, AVG, MIN and MAX of several series. Of one series those four give
a number over all periods that are retrieved, which AWS advises against in alarms; here they are refused, like all else.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

Points = tuple[float | None, ...]  # one for each period, None where there is no data
_Value = float | Points | list[Points]

_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_ACROSS: dict[str, Callable[[list[float]], float]] = {"SUM": sum, "MIN": min, "MAX": max, "AVG": lambda values: sum(values) / len(values)}


class Unsupported(ValueError):
    """The alarm uses something this lab does not evaluate."""


def work_out(text: str, metrics: Mapping[str, Points], expressions: Mapping[str, str]) -> Points:
    """The series that an expression gives; metrics and other expressions by their ids. Raises Unsupported."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise Unsupported(f"metric math is not understood: {text!r}") from error
    value = _Calculation(text, metrics, expressions).of(tree)
    if not isinstance(value, tuple):
        raise Unsupported(f"{text!r} is no single series, and an alarm watches one")
    return value


class _Calculation:
    def __init__(self, text: str, metrics: Mapping[str, Points], expressions: Mapping[str, str]) -> None:
        self._text, self._metrics, self._expressions = text, metrics, expressions

    def of(self, node: ast.expr) -> _Value:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return float(number)
            case ast.Name(id=name):
                return self._named(name)
            case ast.List(elts=items):
                return [series for item in items for series in self._many(item)]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._combined(operator.mul, -1.0, self.of(operand))
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _ARITHMETIC:
                return self._combined(_ARITHMETIC[type(sign)], self.of(left), self.of(right))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._called(name, arguments)
        raise self._refusal(ast.unparse(node))

    def _named(self, name: str) -> Points:
        if name in self._metrics:
            return self._metrics[name]
        if name in self._expressions:
            others = {other: text for other, text in self._expressions.items() if other != name}  # none may lead back to itself
            return work_out(self._expressions[name], self._metrics, others)
        raise Unsupported(f"metric math {self._text!r} names {name!r}, which is not among the alarm's metrics")

    def _called(self, name: str, arguments: list[ast.expr]) -> _Value:
        match name, arguments:
            case "METRICS", []:
                return list(self._metrics.values())
            case "METRICS", [ast.Constant(value=str() as part)]:
                return [points for id_, points in self._metrics.items() if part in id_]
            case "FILL", [series, filler]:
                filled = [self._filled(points, filler) for points in self._many(series)]
                return filled[0] if isinstance(self.of(series), tuple) else filled
        if name in _ACROSS and len(arguments) == 1 and isinstance(several := self.of(arguments[0]), list) and several:
            return tuple(_across(name, values) for values in zip(*several, strict=True))
        raise self._refusal(f"{name}({', '.join(map(ast.unparse, arguments))})")

    def _filled(self, points: Points, filler: ast.expr) -> Points:
        """FILL with a number, or with REPEAT: the value before it, where there is one."""
        if isinstance(filler, ast.Name) and filler.id == "REPEAT":
            last, filled = None, []
            for value in points:
                last = last if value is None else value
                filled.append(last)
            return tuple(filled)
        number = self.of(filler) if not isinstance(filler, ast.Name) else None
        if not isinstance(number, float):
            raise self._refusal(f"FILL with {ast.unparse(filler)}")
        return tuple(number if value is None else value for value in points)

    def _many(self, node: ast.expr) -> list[Points]:
        value = self.of(node)
        if isinstance(value, float):
            raise self._refusal(f"the number {value:g} in place of a series")
        return [value] if isinstance(value, tuple) else value

    def _combined(self, sign: Callable[[float, float], float], left: _Value, right: _Value) -> _Value:
        if isinstance(left, list) or isinstance(right, list):
            raise self._refusal("arithmetic on several series at once")
        if isinstance(left, float) and isinstance(right, float):
            return sign(left, right)
        length = len(left) if isinstance(left, tuple) else len(right)  # type: ignore[arg-type]  # one of them is a series
        pairs = zip(*((side if isinstance(side, tuple) else (side,) * length) for side in (left, right)), strict=True)
        there = [[side[n] for side in (left, right) if isinstance(side, tuple)] for n in range(length)]
        return tuple(_of_two(sign, a, b) if any(v is not None for v in there[n]) else None for n, (a, b) in enumerate(pairs))

    def _refusal(self, what: str) -> Unsupported:
        return Unsupported(f"metric math {self._text!r}: the lab does not know {what}")


def _of_two(sign: Callable[[float, float], float], left: float | None, right: float | None) -> float | None:
    """A missing value counts as 0; what would be divided by 0 is dropped."""
    try:
        return sign(left or 0.0, right or 0.0)
    except ZeroDivisionError:
        return None


def _across(name: str, values: tuple[float | None, ...]) -> float | None:
    """At one moment, over several series. For AVG a missing value counts as 0; of the others the page says nothing: it is left out."""
    there = [0.0 if value is None else value for value in values if value is not None or name == "AVG"]
    return _ACROSS[name](there) if any(value is not None for value in values) else None
