"""The contract of every way to coordinate: `await method.play(problem, team, rng)` → Episode.

A method is a frozen dataclass in a file of its own; its fields are its hyperparameters and its name is the file's.
It writes `decide`, which asks models through `Turns` and returns a `Decision`. `play` does the rest: it keeps the
account, ends an episode whose token budget is spent with a vote over what was answered, and builds the Episode.
"""

from __future__ import annotations

import ast
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from random import Random
from typing import Any, ClassVar

import equipoise.methods as package
from equipoise import plugins
from equipoise.beliefs import vote
from equipoise.errors import InputError, UnknownName
from equipoise.team.episode import Episode, StopReason, Turn
from equipoise.team.problem import Problem
from equipoise.team.team import Team
from equipoise.team.turns import BudgetSpent, Turns


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a method decided.

    Attributes:
        answer: canonical key; None for no answer.
        response: the text that carries it.
        stop: why the method ended.
        beliefs: probability or share of each candidate answer.
    """

    answer: str | None
    response: str
    stop: StopReason
    beliefs: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """A way to coordinate.

    Class attributes:
        reference: the paper that the method is faithful to.
    """

    reference: ClassVar[str]

    @property
    def name(self) -> str:
        """The file's name, with the parameters that differ from their defaults: "debate(rounds=3)"."""
        base = type(self).__module__.rsplit(".", 1)[1]
        changed = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if getattr(self, f.name) != _default(f)]
        return f"{base}({','.join(changed)})" if changed else base

    def variants(self, team: Team) -> list[Method]:
        """The runs that this method stands for in a comparison: itself, unless it is run once per executor."""
        return [self]

    @abstractmethod
    def calls(self, team: Team) -> int:
        """Most model calls that one question can cost."""

    @abstractmethod
    async def decide(self, turns: Turns, rng: Random) -> Decision:
        """Asks the team through `turns` and decides."""

    async def play(self, problem: Problem, team: Team, rng: Random) -> Episode:
        """One problem played to its end.

        Args:
            problem: what is asked.
            team: who is asked.
            rng: with equal state, equal model seeds and equal choices.

        Raises:
            ModelCallError: an endpoint failed.
        """
        turns = Turns(problem, team, seed=rng.getrandbits(31))
        started = time.perf_counter()
        try:
            decision = await self.decide(turns, rng)
        except BudgetSpent:
            decision = by_vote(turns.answers(), stop="budget")
        if decision.answer is None and decision.stop != "budget":
            decision = Decision(answer=None, response=decision.response, stop="no_answer", beliefs=decision.beliefs)
        return Episode(
            problem=problem.id,
            question=problem.question,
            method=self.name,
            answer=decision.answer,
            response=decision.response,
            stop=decision.stop,
            beliefs=decision.beliefs,
            turns=tuple(turns.taken),
            seconds=time.perf_counter() - started,
        )


def by_vote(turns: Sequence[Turn], *, stop: StopReason = "done") -> Decision:
    """The plurality answer of some turns, told in the words of the first turn that gave it."""
    beliefs = vote.shares([turn.key for turn in turns])
    answer = vote.winner(beliefs)
    response = next((turn.response for turn in turns if turn.key == answer), "")
    return Decision(answer=answer, response=response, stop=stop, beliefs=beliefs)


def by_turn(turn: Turn, *, stop: StopReason = "done") -> Decision:
    """The answer of one turn."""
    beliefs = {turn.key: 1.0} if turn.key is not None else {}
    return Decision(answer=turn.key, response=turn.response, stop=stop, beliefs=beliefs)


def available() -> list[str]:
    """Names of all methods."""
    return plugins.names(package, contract="method")


def method_type(name: str) -> type[Method]:
    """The class of a method.

    Raises:
        UnknownName: there is no such method.
    """
    module = plugins.load(package, name, what="method", contract="method")
    (found,) = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Method) and value.__module__ == module.__name__
    ]
    return found


def parse(text: str) -> Method:
    """The method written as "name" or "name(parameter=value, …)".

    Raises:
        UnknownName: no such method or parameter.
        InputError: the parameters cannot be read.
    """
    match = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\))?\s*", text, flags=re.DOTALL)
    if not match:
        raise InputError(f"cannot read method '{text}'. Write a name, or a name with parameters: debate(rounds=3).")
    cls = method_type(match[1])
    known = [f.name for f in fields(cls)]
    given = _arguments(text, match[2] or "")
    for name in given:
        if name not in known:
            raise UnknownName(f"parameter of {match[1]}", name, known)
    return cls(**given)


def _arguments(text: str, written: str) -> dict[str, Any]:
    """Keyword arguments written as Python literals; a bare word is a string."""
    try:
        call = ast.parse(f"f({written})", mode="eval").body
        assert isinstance(call, ast.Call) and not call.args
        return {k.arg: k.value.id if isinstance(k.value, ast.Name) else ast.literal_eval(k.value) for k in call.keywords if k.arg}
    except (SyntaxError, ValueError, AssertionError):
        raise InputError(f"cannot read the parameters of '{text}'. Write them as name=value, such as rounds=3.") from None


def _default(field: Any) -> Any:
    return None if field.default is MISSING else field.default
