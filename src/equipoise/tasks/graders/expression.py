"""Arithmetic expressions that use given numbers once each and reach a target, evaluated exactly.

`problem.context["numbers"]` are the numbers; `problem.context["target"]` is the value to reach.
"""

from __future__ import annotations

import ast
import operator
import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

from equipoise.tasks.graders import _marks
from equipoise.team.problem import Problem

LONGEST_CHARS = 200
"""A longer text is not read as an expression."""

DEEPEST_FRACTION = 4
"""LaTeX fractions are read to this depth of nesting."""

_REWRITTEN = (
    ("\u2212", "-"),
    ("×", "*"),
    ("·", "*"),
    ("÷", "/"),
    ("\\times", "*"),
    ("\\cdot", "*"),
    ("\\div", "/"),
    ("\\left", ""),
    ("\\right", ""),
)
_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]{1,60})\}\{([^{}]{1,60})\}")
_EXPRESSION = re.compile(r"[-(\d][-+*/().\d ]{0,200}")
_ALLOWED = re.compile(r"[-+*/().\d\s]{1,200}")

_OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
_NODES = (ast.BinOp, ast.UnaryOp, ast.Constant, ast.USub, *_OPERATIONS)


@dataclass(frozen=True)
class Expression:
    """Answers that are an arithmetic expression."""

    name: str = "expression"
    instruction: str = 'End with "Answer: " and the expression, such as (1 + 3) * (7 - 1).'

    def read(self, text: str, problem: Problem) -> str | None:
        """The expression in normal form: no needless parentheses, terms and factors sorted."""
        return _marks.read(text, _announced, _last)

    def verify(self, key: str, problem: Problem) -> bool | None:
        """Whether the expression uses every number once and reaches the target; None if they are not known."""
        if "numbers" not in problem.context or "target" not in problem.context:
            return None
        tree = _tree(key)
        if tree is None:
            return False
        used = Counter(_value(leaf) for leaf in ast.walk(tree) if isinstance(leaf, ast.Constant))
        given = Counter(Fraction(number) for number in problem.context["numbers"])
        return used == given and _value(tree) == Fraction(problem.context["target"])

    def grade(self, key: str, gold: str, problem: Problem) -> bool:
        """Whether the expression passes its check; the gold answer is one of many and plays no part."""
        return self.verify(key, problem) is True


def _tree(text: str) -> ast.expr | None:
    """The syntax tree of an expression of numbers, + - * / and parentheses; None for anything else."""
    if not _ALLOWED.fullmatch(text):
        return None
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return tree if all(isinstance(node, _NODES) for node in ast.walk(tree)) else None


def _value(node: ast.AST) -> Fraction | None:
    """The exact value; None where it divides by zero."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return Fraction(str(number))
        case ast.UnaryOp(operand=operand):
            value = _value(operand)
            return None if value is None else -value
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _value(left), _value(right)
            if a is not None and b is not None and not (isinstance(op, ast.Div) and b == 0):
                return _OPERATIONS[type(op)](a, b)
    return None


def _written(node: ast.expr) -> str:
    """The normal form of an expression."""
    negative, text, _ = _normal(node)
    return f"-{text}" if negative else text


def _normal(node: ast.expr) -> tuple[bool, str, bool]:
    """Whether an expression has a minus in front, its text without that, and whether it is a sum."""
    match node:
        case ast.UnaryOp(operand=operand):
            negative, text, is_sum = _normal(operand)
            return (False, _joined(_terms(node), "+-"), True) if is_sum else (not negative, text, False)
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return False, _joined(_terms(node), "+-"), True
        case ast.BinOp():
            negative, factors = _factors(node)
            return negative, _joined(factors, "*/"), False
    return False, ast.unparse(node), False


def _joined(parts: list[tuple[bool, str]], signs: str) -> str:
    """Terms or factors in order, each after its sign; those taken inversely come last."""
    return "".join(signs[inverse] + text for inverse, text in sorted(parts)).removeprefix(signs[0])


def _terms(node: ast.expr, negative: bool = False) -> list[tuple[bool, str]]:
    """The terms of a sum, each with whether it is subtracted."""
    match node:
        case ast.UnaryOp(operand=operand):
            return _terms(operand, not negative)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            return _terms(left, negative) + _terms(right, negative != isinstance(op, ast.Sub))
    minus, text, _ = _normal(node)
    return [(minus != negative, text)]


def _factors(node: ast.expr, inverse: bool = False) -> tuple[bool, list[tuple[bool, str]]]:
    """Whether a product has a minus in front, and its factors, each with whether it divides."""
    match node:
        case ast.UnaryOp(operand=operand):
            negative, factors = _factors(operand, inverse)
            return not negative, factors
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as op, right=right):
            minus, before = _factors(left, inverse)
            negative, after = _factors(right, inverse != isinstance(op, ast.Div))
            return minus != negative, before + after
    _, text, is_sum = _normal(node)
    return False, [(inverse, f"({text})" if is_sum else text)]


def _announced(span: str) -> str | None:
    """The expression of a span such as "(1 + 3) * 6 = 24", on whichever side of the equals sign it stands."""
    for written, meant in _REWRITTEN:
        span = span.replace(written, meant)
    for _ in range(DEEPEST_FRACTION):  # the innermost fractions first
        span = _FRACTION.sub(r"((\1)/(\2))", span)
    trees = [tree for side in span.split("=")[:4] for tree in _trees(side)]
    best = next((tree for tree in trees if any(isinstance(node, ast.BinOp) for node in ast.walk(tree))), None)
    return None if best is None else _written(best)


def _trees(text: str) -> list[ast.expr]:
    found = (_tree(match[0].strip(" .")) for match in _EXPRESSION.finditer(text))
    return [tree for tree in found if tree is not None]


def _last(text: str) -> str | None:
    """The expression of the last line that holds one, among the last few."""
    lines = [line for line in text.splitlines() if line.strip()][-5:]
    found = (_announced(line[-2 * LONGEST_CHARS :]) for line in reversed(lines))
    return next((key for key in found if key is not None), None)


GRADER = Expression()
