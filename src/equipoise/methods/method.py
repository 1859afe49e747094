"""The contract of every way to coordinate: `await method.play(problem, team, rng)` → Episode.

A method is a frozen pydantic dataclass in a file of its own; its fields are its hyperparameters, its name the file's.
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
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationError

import equipoise.methods as package
from equipoise import plugins
from equipoise.beliefs import vote
from equipoise.errors import InputError, UnknownName
from equipoise.team.agent import Executor
from equipoise.team.control import Control
from equipoise.team.episode import Episode, StopReason, Turn
from equipoise.team.problem import Problem
from equipoise.team.team import Team
from equipoise.team.turns import BudgetSpent, Turns

CONTRACTS = {"method", "choosing"}
"""Files of this folder that are not methods: the contract of all, and that of methods that choose."""

Count = Annotated[int, Field(ge=1)]
"""A hyperparameter that counts something."""

SAMPLING_TEMPERATURE = 0.7
"""Where a method draws several samples and the default control is greedy (Wang et al., 2023, section 3.1)."""


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
        base = type(self).__module__.rsplit(".", 1)[-1]
        changed = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if getattr(self, f.name) != _default(f)]
        return f"{base}({','.join(changed)})" if changed else base

    def variants(self, team: Team) -> list[Method]:
        """The runs that this method stands for in a comparison: itself, unless it is run once per executor."""
        return [self]

    @abstractmethod
    def calls(self, team: Team) -> int:
        """Most model calls that one question can cost.

        Raises:
            UnknownName: the method names an executor or a strategy that the team lacks.
        """

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
            decision = by_vote(_in_team_order(turns.answers(), team), stop="budget")
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
            measures=dict(turns.measures),
            remarks=tuple(dict.fromkeys(turns.remarks)),
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


def by_judge(verdict: Turn, voters: Sequence[Turn], *, stop: StopReason = "done") -> Decision:
    """The answer of one turn about others; their plurality where it holds none.

    Beliefs are the shares of the voters: a judge alone against everybody is believed 0.
    """
    vote_of_all = by_vote(voters, stop=stop)
    if verdict.key is None:
        return vote_of_all
    beliefs = {verdict.key: 0.0} | vote_of_all.beliefs
    return Decision(answer=verdict.key, response=verdict.response, stop=stop, beliefs=beliefs)


def agreed(turns: Sequence[Turn]) -> bool:
    """Whether every turn holds the same answer; false where one holds none."""
    return len({turn.key for turn in turns}) == 1 and turns[0].key is not None


def fixed_control(
    team: Team, executor: str | None, strategy: str | None, *, sampled: bool = False
) -> tuple[Executor, Control]:
    """An executor and its default control, under another strategy if one is named.

    Args:
        team: who may be asked.
        executor: a name; the first executor when None.
        strategy: a prompt strategy; that of the default control when None.
        sampled: several different responses are wanted, so a greedy control gets `SAMPLING_TEMPERATURE`.

    Raises:
        UnknownName: there is no such executor or strategy.
    """
    asked = team.executor(executor)
    control = team.controls_of(asked)[0]
    if strategy is not None:
        team.strategy_text(strategy)
        control = control.model_copy(update={"strategy": strategy})
    if sampled and control.sampling_temperature == 0:
        control = control.model_copy(update={"sampling_temperature": SAMPLING_TEMPERATURE})
    return asked, control


def available() -> list[str]:
    """Names of all methods."""
    return plugins.names(package, contracts=CONTRACTS)


def method_type(name: str) -> type[Method]:
    """The class of a method.

    Raises:
        UnknownName: there is no such method.
    """
    module = plugins.load(package, name, what="method", contracts=CONTRACTS)
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
        InputError: the parameters cannot be read, or a value is not allowed.
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
    try:
        return cls(**given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"method '{text}': {first['loc'][0]}: {first['msg']} (got {first['input']!r}).") from None


def _arguments(text: str, written: str) -> dict[str, Any]:
    """Keyword arguments written as Python literals; a bare word is a string."""
    try:
        call = ast.parse(f"f({written})", mode="eval").body
        assert isinstance(call, ast.Call) and not call.args
        assert all(k.arg for k in call.keywords)
        return {
            str(k.arg): k.value.id if isinstance(k.value, ast.Name) else ast.literal_eval(k.value)
            for k in call.keywords
        }
    except (SyntaxError, TypeError, ValueError, AssertionError):
        raise InputError(
            f"cannot read the parameters of '{text}'. Write them as name=value, with quotes around text "
            'that is not one plain word: rounds=3, executor="gpt-4o".'
        ) from None


def _default(field: Any) -> Any:
    return None if field.default is MISSING else field.default


def _in_team_order(turns: Sequence[Turn], team: Team) -> list[Turn]:
    """Turns in an order that does not depend on which call ended first, so that ties go to the earliest executor."""
    place = {agent.name: i for i, agent in enumerate(team.executors)}
    return sorted(turns, key=lambda turn: (place.get(turn.agent, len(place)), turn.sample))
