"""Does it follow that Rex is a dax? Rules of the forms "every" and "no"; the answer is yes, no or unknown.

The number of rules of each form is drawn before the answer, so that neither says anything about it.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

from equipoise.tasks.family import PEOPLE, Puzzle, Solution, solution

NOUNS: tuple[str, ...] = ("wug", "dax", "fep", "blick", "zorp", "tove", "mip", "gorp", "lum", "quib", "snark", "vum")
ANSWERS = ("yes", "no", "unknown")
TERMS = 5
"""Number of nouns in one puzzle; noun 0 is what the individual is told to be."""

Rule = tuple[str, int, int]
"""("every", a, b): every a is a b; ("no", a, b): no a is a b."""

Literal = tuple[int, bool]
"""A noun and whether the individual is one."""


def entailed(rules: Sequence[Rule], asked: int) -> str:
    """The answer by looking at all worlds of one individual that is a noun 0: yes, no or unknown."""
    values = set()
    for world in itertools.product((False, True), repeat=TERMS):
        follows = all(not world[a] or world[b] == (form == "every") for form, a, b in rules)
        if world[0] and follows:
            values.add(world[asked])
    return "unknown" if len(values) != 1 else "yes" if values.pop() else "no"


def derivation(rules: Sequence[Rule], asked: int) -> tuple[list[int], list[Literal]]:
    """The rules that reach the asked noun, in order of use, and what each gives; all that fire if none reaches it.

    Forward chaining with contraposition finds every literal that follows when the rules are consistent.
    """
    known: dict[int, bool] = {0: True}
    reason: dict[int, tuple[int, int]] = {}
    order: list[int] = []
    changed = True
    while changed:
        changed = False
        for i, (form, a, b) in enumerate(rules):
            positive = form == "every"
            if known.get(a) is True and b not in known:
                known[b], source, target = positive, a, b
            elif b in known and known[b] != positive and a not in known:
                known[a], source, target = False, b, a
            else:
                continue
            reason[target] = (i, source)
            order.append(target)
            changed = True
    path = order
    if asked in known:
        path, noun = [], asked
        while noun in reason:
            path.insert(0, noun)
            noun = reason[noun][1]
    return [reason[noun][0] for noun in path], [(noun, known[noun]) for noun in path]


@dataclass(frozen=True)
class _Case:
    """What a puzzle says: who is asked about, the nouns, the rules as told, and the noun asked for."""

    name: str
    nouns: list[str]
    rules: Sequence[Rule]
    asked: int


def _solve(case: _Case, found: list[Literal], answer: str, attempt: str) -> Solution:
    nouns, asked = case.nouns, case.asked

    def said(literal: Literal) -> str:
        return f"{'' if literal[1] else 'not '}{nouns[literal[0]]}"

    chain = [(0, True), *found]
    rules = [f"{nouns[a]} -> {said((b, form == 'every'))}" for form, a, b in case.rules]
    steps = [*(f"{rule}." for rule in rules), f"{case.name}: {nouns[0]}."]
    steps += [f"{said(left)} -> {said(right)}." for left, right in itertools.pairwise(chain)]
    if answer == "unknown":
        steps.append(f"{nouns[asked]}: nothing.")
    smaller = [("Rules", ", ".join(rules))]
    smaller += [(f"{nouns[noun]}", "yes" if value else "no") for noun, value in chain]
    if answer == "unknown":
        smaller.append((nouns[asked], "unknown"))
    check = [f"{said(literal)}." for literal in chain]
    check.append(f"{nouns[asked]} {answer}.")
    return solution(answer, steps, decompose=smaller, attempt=f"{attempt}.", check=check)


def _wrong(rng: random.Random, case: _Case, found: list[Literal], gold: str) -> Solution:
    """A wrong solution: the last step turned round, a step invented, or the chain given up early."""
    answer = rng.choice([other for other in ANSWERS if other != gold])
    if answer == "unknown":
        chain = found[:-1]
    elif gold == "unknown":
        chain = [*found, (case.asked, answer == "yes")]
    else:
        chain = [*found[:-1], (case.asked, answer == "yes")]
    return _solve(case, chain, answer, answer)


def _draw_rules(rng: random.Random, forms: list[str], answer: str) -> tuple[list[Rule], int] | None:
    """Rules of these forms over distinct pairs and an asked noun with this answer, or None for this draw."""
    pairs: set[frozenset[int]] = set()
    rules: list[Rule] = []
    for form in forms:
        a, b = rng.sample(range(TERMS), 2)
        if frozenset((a, b)) in pairs:
            return None
        pairs.add(frozenset((a, b)))
        rules.append((form, a, b))
    mentioned = {noun for _, a, b in rules for noun in (a, b)}
    asked = rng.randrange(1, TERMS)
    consistent = any(
        world[0] and all(not world[a] or world[b] == (form == "every") for form, a, b in rules)
        for world in itertools.product((False, True), repeat=TERMS)
    )
    if 0 not in mentioned or asked not in mentioned or not consistent or entailed(rules, asked) != answer:
        return None
    used, found = derivation(rules, asked)
    reached = any(noun == asked for noun, _ in found)
    return (rules, asked) if used and reached == (answer != "unknown") else None


@dataclass(frozen=True)
class Syllogisms:
    """Chains of rules about one individual."""

    name: str = "syllogisms"

    def draw(self, rng: random.Random) -> Puzzle:
        """One puzzle with three or four rules; the three answers are equally likely for every mix of rules."""
        forms = ["every"] * rng.choice((2, 3)) + ["no"]
        answer = rng.choice(ANSWERS)
        drawn = None
        while drawn is None:
            rng.shuffle(forms)
            drawn = _draw_rules(rng, forms, answer)
        rules, asked = drawn
        name, nouns = rng.choice(PEOPLE), rng.sample(NOUNS, TERMS)
        case = _Case(name, nouns, rules, asked)
        used, found = derivation(rules, asked)
        told = [f"{form.capitalize()} {nouns[a]} is a {nouns[b]}." for form, a, b in rules]
        attempt = rng.choice([other for other in ANSWERS if other != answer]) if rng.random() < 0.3 else answer
        return Puzzle(
            family=self.name,
            kind="word",
            question=f"{' '.join(told)} {name} is a {nouns[0]}. Is {name} a {nouns[asked]}: yes, no or unknown?",
            canonical=f"{rules} {asked}",
            right=_solve(case, found, answer, attempt),
            wrong=tuple(_wrong(rng, case, found, answer) for _ in range(2)),
            plan=f"start from {nouns[0]}; use sentences {', '.join(str(i + 1) for i in used)}.",
        )


FAMILY = Syllogisms()
