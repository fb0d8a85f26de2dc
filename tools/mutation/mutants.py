"""All small changes of a module that OPERATORS make, one at a time."""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

OPERATORS = {
    "boundary": "`<` and `<=`, `>` and `>=` change places",
    "comparison": "a comparison becomes its opposite: `==` and `!=`, `<` and `>=`, `>` and `<=`, `is` and `is not`, `in` and `not in`",
    "condition": "what an `if`, a conditional expression, a comprehension or `not` asks is answered the other way round",
    "logic": "`and` and `or` change places; one operand of them is left out",
    "arithmetic": "`+` and `-`, `*` and `/` change places",
    "number": "a number becomes one more",
    "truth": "`True` and `False` change places",
    "result": "what is returned is `None` instead",
    "word": "a member of `State`, `Cause`, `Verdict` or `Phase` becomes the next one",
    "change": "one of the fields that `replace` sets is left alone",
    "extreme": "`min` and `max`, `any` and `all` change places",
    "row": "a rule is left out of the table, or changes places with the next one of its state, where both may have an answer",
}
_BOUNDARY: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_SWAPPED: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
_EXTREMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_WORDS = {
    "State": ("SUSPECTED", "CONFIRMED", "ISOLATING", "RECREATING", "VERIFYING", "RECOVERED", "ESCALATED", "SUPPRESSED", "EXHAUSTED"),
    "Cause": ("NONE", "SIGNALS", "REQUEST", "GONE"),
    "Verdict": ("HEALTHY", "BUSY", "FAILING", "UNKNOWN"),
    "Phase": ("WAITING", "STARTING", "RUNNING", "STOPPING", "RELEASED"),
}
Swap = tuple[str, str, str]  # a state, and two neighbouring rules of it
_NOT_RUN = ("annotation", "returns", "decorator_list", "bases", "keywords")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed module. lines: of the statement that was changed. before, after: that statement, cut.

    function: the outermost one that holds it, as Python qualifies its name; "" for what runs when the module is imported.
    """

    module: str
    function: str
    operator: str
    line: int
    lines: tuple[int, ...]
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        return f"{self.module}:{self.line} {self.operator}: {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A change that is not made yet: of the node at that place, and which of several."""

    module: str
    tree: ast.Module
    place: int
    operator: str
    index: int


def plans(module: str, source: str, excluding: frozenset[Swap] = frozenset()) -> list[Plan]:
    """module: its file's name, as it is told of. excluding: rules that change places without any consequence."""
    tree = ast.parse(source)
    return [
        Plan(module, tree, place, operator, index)
        for place, (node, *_) in enumerate(_places(tree))
        for operator, index in _kinds(node, excluding)
    ]  # fmt: skip


def mutant(plan: Plan) -> Mutant | None:
    """None when it changes nothing after all."""
    changed = copy.deepcopy(plan.tree)
    node, statement, function = next(itertools.islice(_places(changed), plan.place, None))
    before = ast.unparse(statement)
    _change(node, plan.operator, plan.index)
    after = ast.unparse(statement)
    if after == before:
        return None
    lines = tuple(range(statement.lineno, (_head(statement) or statement.lineno) + 1))
    line = getattr(node, "lineno", statement.lineno)
    source = ast.unparse(ast.fix_missing_locations(changed))
    return Mutant(plan.module, function, plan.operator, line, lines, *_shown(before, after), source)


def _head(statement: ast.stmt) -> int | None:
    """The last line of the statement itself, its body apart."""
    body = getattr(statement, "body", None)
    return body[0].lineno - 1 if body and body[0].lineno > statement.lineno else statement.lineno if body else statement.end_lineno


def _shown(before: str, after: str) -> tuple[str, str]:
    """The first line that differs, of each."""
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    ours, theirs = next(((a.strip(), b.strip()) for a, b in pairs if a != b), (before.splitlines()[0], after.splitlines()[-1]))
    start = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), 0)
    start = max(0, start - 30)
    return ours[start : start + 70], theirs[start : start + 70]


def _places(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.stmt, str]]:
    """Every node that runs, with its statement and function; annotations, docstrings, assertions and decorators are not counted.

    An assertion states what cannot be; a decorator says how a class is made, which types check.
    """

    def walk(node: ast.AST, statement: ast.stmt | None, path: str, function: str) -> Iterator[tuple[ast.AST, ast.stmt, str]]:
        if isinstance(node, ast.Assert | ast.Import | ast.ImportFrom) or _declares(node):
            return
        if isinstance(node, ast.stmt):
            statement = node
        if statement is not None:
            yield node, statement, function
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            path = f"{path}.{node.name}" if path else node.name
        for name, value in ast.iter_fields(node):
            if name in _NOT_RUN and not isinstance(node, ast.Call):
                continue
            inner = path if isinstance(node, ast.FunctionDef) and name == "body" and not function else function
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from walk(child, statement, path, inner)

    yield from walk(tree, None, "", "")


def _declares(node: ast.AST) -> bool:
    """dataclasses.field(...): how a field is shown and compared."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "field"


def _kinds(node: ast.AST, excluding: frozenset[Swap]) -> Iterator[tuple[str, int]]:
    """The changes that can be made of a node: the operator, and which of several."""
    match node:
        case ast.Compare(ops=ops):
            for n, op in enumerate(ops):
                if type(op) in _BOUNDARY:
                    yield "boundary", n
                yield "comparison", n
        case ast.BoolOp(values=values):
            yield "logic", -1
            for n in range(len(values)):
                yield "logic", n
        case ast.UnaryOp(op=ast.Not()):
            yield "condition", 0
        case ast.If(test=test) | ast.IfExp(test=test) if not isinstance(test, ast.Compare | ast.UnaryOp):
            yield "condition", 0
        case ast.comprehension(ifs=ifs):
            for n, test in enumerate(ifs):
                if not isinstance(test, ast.Compare | ast.UnaryOp):
                    yield "condition", n
        case ast.BinOp(op=op) if type(op) in _SWAPPED and not _of_text(node):
            yield "arithmetic", 0
        case ast.Constant(value=bool()):
            yield "truth", 0
        case ast.Constant(value=int() | float()):
            yield "number", 0
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            yield "result", 0
        case ast.Attribute(value=ast.Name(id=name), attr=attr) if attr in _WORDS.get(name, ()):
            yield "word", 0
        case ast.Call(func=ast.Name(id="replace"), keywords=keywords):
            for n in range(len(keywords)):
                yield "change", n
        case ast.Name(id=name) if name in _EXTREMES:
            yield "extreme", 0
        case ast.AnnAssign(target=ast.Name(id="RULES"), value=ast.Tuple(elts=rows)):
            for n in range(len(rows)):
                yield "row", n
            for n, (one, two) in enumerate(itertools.pairwise(rows)):
                if _named(one)[0] == _named(two)[0] and (*_named(one), _named(two)[1]) not in excluding:
                    yield "row", -n - 1


def _of_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(part, ast.JoinedStr) or (isinstance(part, ast.Constant) and isinstance(part.value, str)) for part in ast.walk(node)
    )


def _named(row: ast.expr) -> tuple[str, str]:
    """The state and the name of a rule: Rule(SUSPECTED, "gone", ...)."""
    assert isinstance(row, ast.Call)
    assert isinstance(row.args[1], ast.Constant)
    return ast.unparse(row.args[0]).lower(), str(row.args[1].value)


def _change(node: ast.AST, operator: str, n: int) -> None:
    """Make one change in place."""
    match operator, node:
        case ("boundary", ast.Compare()):
            node.ops[n] = _BOUNDARY[type(node.ops[n])]()
        case ("comparison", ast.Compare()):
            node.ops[n] = _OPPOSITE[type(node.ops[n])]()
        case ("logic", ast.BoolOp()) if n < 0:
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ("logic", ast.BoolOp()):
            del node.values[n]
            if len(node.values) == 1:
                node.values.append(node.values[0])
        case ("condition", ast.UnaryOp()):
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ("condition", ast.If() | ast.IfExp()):
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ("condition", ast.comprehension()):
            node.ifs[n] = ast.UnaryOp(ast.Not(), node.ifs[n])
        case ("arithmetic", ast.BinOp()):
            node.op = _SWAPPED[type(node.op)]()
        case ("truth", ast.Constant()):
            node.value = not node.value
        case ("number", ast.Constant()):
            assert isinstance(node.value, int | float)
            node.value += 1
        case ("result", ast.Return()):
            node.value = ast.Constant(None)
        case ("word", ast.Attribute(value=ast.Name(id=name))):
            words = _WORDS[name]
            node.attr = words[(words.index(node.attr) + 1) % len(words)]
        case ("change", ast.Call()):
            del node.keywords[n]
        case ("extreme", ast.Name()):
            node.id = _EXTREMES[node.id]
        case ("row", ast.AnnAssign(value=ast.Tuple(elts=rows))) if n >= 0:
            del rows[n]
        case ("row", ast.AnnAssign(value=ast.Tuple(elts=rows))):
            rows[-n - 1], rows[-n] = rows[-n], rows[-n - 1]
        case _:
            raise AssertionError(f"{operator} of {node!r}")
