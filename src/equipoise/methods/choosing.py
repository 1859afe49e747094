"""The contract of methods that choose among private answers: whom to ask, and which answer to believe.

Such a method is a policy (`beliefs.policy`), perhaps learned from a recording: `learn` returns it. The same policy is
played live, where every step asks the chosen columns at the same time, and judged on recordings, where nothing is
asked. A column is an executor under one of its controls, named as in recordings of the team.

    equipoise record gsm8k --team team.toml --limit 200 --out gsm8k.jsonl.gz
    equipoise eval gsm8k --skip 200 --team team.toml --methods "majority_vote,cascade(recording='gsm8k.jsonl.gz')"

Without a recording a method falls back to what needs none. A question that the policy was learned from is not played:
an accuracy on it would not be honest.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import ClassVar, Literal

import numpy as np
from pydantic.dataclasses import dataclass

from equipoise.beliefs import ballots as votes
from equipoise.beliefs.ballots import Ballots, ballots_of
from equipoise.beliefs.policy import Policy
from equipoise.errors import InputError
from equipoise.methods.method import Decision, Method
from equipoise.recordings import Recording, read
from equipoise.tasks.task import CHECKED_KINDS
from equipoise.team.column import Column
from equipoise.team.episode import Turn
from equipoise.team.problem import Problem
from equipoise.team.team import Team
from equipoise.team.turns import Turns

Learns = Literal["nothing", "answers", "labels"]
"""What a method learns from: nothing; recorded answers alone; recorded answers and who was right."""


@dataclass(frozen=True, kw_only=True)
class Choosing(Method):
    """A method that chooses among private answers.

    A method with a field `price`, accuracy in [0, 1] that one unit of cost must be worth, is a curve in a frontier:
    one point per price.

    Class attributes:
        learns: what `learn` can use.
        needs_check: whether it is of use only where answers can be checked without the gold answer.

    Attributes:
        controls: "default" asks every executor under its default control; "all" may use each of its controls.
    """

    learns: ClassVar[Learns] = "nothing"
    needs_check: ClassVar[bool] = False

    controls: Literal["default", "all"] = "default"

    @abstractmethod
    def learn(self, train: Ballots | None) -> Policy:
        """The policy learned from training questions.

        Args:
            train: ballots of the training questions; None where there is no recording. `train.correct` is None where
                nobody knows who was right. Its columns are those that will be played.

        With too little to learn from, a policy falls back to a simpler one; it never raises for that.
        """

    def curve(self, train: Ballots | None, prices: Sequence[float | None]) -> list[Policy]:
        """The policies at several prices, of a method that has a field `price`: what `learn` gives at each.

        A method whose learning is mostly the same at every price does that part once.
        """
        return [dataclasses.replace(self, **{"price": price}).learn(train) for price in prices]

    def calls(self, team: Team) -> int:
        """Every column once, at most."""
        return len(columns(team, self.controls))

    async def decide(self, turns: Turns, rng: Random) -> Decision:
        """Asks whom the policy wants to ask until it stops, and believes whom it believes."""
        asked = columns(turns.team, self.controls)
        policy = self.policy_for(tuple(asked), turns.problem)
        plan = await self.planned(turns)
        given: dict[str, Turn | None] = {}
        checks: dict[str, int] = {}
        while True:
            seen = _seen(turns.problem, list(asked), given, checks)
            (wanted,) = policy.ask(seen)
            names = [name for name, want in zip(asked, wanted, strict=True) if want]
            if not names:
                return await self.concluded(turns, policy, seen, given)
            answers = await self.answers(turns, [asked[name] for name in names], plan)
            given |= dict(zip(names, answers, strict=True))
            checks |= {name: _check(turns.problem, turn) for name in names if (turn := given[name]) is not None}

    async def planned(self, turns: Turns) -> str | None:
        """What all executors are told first; nothing, for recorded answers were given without it."""
        return None

    async def answers(self, turns: Turns, asked: Sequence[Column], plan: str | None) -> Sequence[Turn | None]:
        """The answers of some columns, asked at the same time; None for one that failed and is done without."""
        return await turns.together(turns.answer(column.executor, column.control, plan=plan) for column in asked)

    async def concluded(
        self, turns: Turns, policy: Policy, seen: Ballots, given: Mapping[str, Turn | None]
    ) -> Decision:
        """The answer that is believed most, in the words of the earliest column that gave it."""
        return _decision(policy, seen, {name: turn for name, turn in given.items() if turn is not None})

    def policy_for(self, asked: tuple[str, ...], problem: Problem) -> Policy:
        """The policy over some columns for one problem."""
        return _learned(self, asked)


@dataclass(frozen=True, kw_only=True)
class Learned(Choosing):
    """A method that chooses, and learns how from a recording.

    Attributes:
        recording: of the team, made before; None plays what needs none.
    """

    recording: str | None = None

    def policy_for(self, asked: tuple[str, ...], problem: Problem) -> Policy:
        """The policy over some columns, learned once and then remembered.

        Raises:
            InputError: the policy was learned from this very question.
            RecordingError: the recording cannot be read.
            UnknownName: it lacks one of the columns.
        """
        if self.recording is None:
            return _learned(self, asked)
        path = Path(self.recording)
        version = f"{path}@{path.stat().st_mtime_ns if path.is_file() else 0}"
        if problem.id in _recording(path, version).questions:
            raise InputError(
                f"question '{problem.id}' is one that {self.name} learned from, so its answer would prove nothing. "
                f"Ask others (--skip N leaves out the first N), or record fewer questions in '{path}'."
            )
        return _learned(self, asked, path, version, checked=problem.kind.name in CHECKED_KINDS)


def columns(team: Team, controls: Literal["default", "all"]) -> dict[str, Column]:
    """What may be asked of a team, by column name, in the team's order."""
    named = team.columns()
    if controls == "all":
        return named
    return {name: column for name, column in named.items() if column.control == team.controls_of(column.executor)[0]}


@lru_cache(maxsize=4)
def _recording(path: Path, version: str) -> Recording:
    return read(path)


@lru_cache(maxsize=32)
def _learned(
    method: Choosing, asked: tuple[str, ...], path: Path | None = None, version: str = "", *, checked: bool = False
) -> Policy:
    """What a method learned; where answers can be checked, a right answer of training is one that passes."""
    table = None if path is None else _recording(path, version).complete(asked)
    return method.learn(None if table is None else ballots_of(table, checked=checked))


def _check(problem: Problem, turn: Turn) -> int:
    passed = problem.verify(turn.key)
    return votes.UNKNOWN if passed is None else int(passed)


def _seen(problem: Problem, asked: list[str], given: Mapping[str, Turn | None], checks: dict[str, int]) -> Ballots:
    """The ballots of the live question: one row."""
    turns = [given.get(name) for name in asked]
    keys = [None if turn is None else turn.key for turn in turns]
    cost = [0.0 if turn is None else float(turn.output_tokens) for turn in turns]
    return Ballots(
        columns=tuple(asked),
        questions=np.array([problem.question], dtype=object),
        answers=np.array([votes.labels(keys)], dtype=np.int16),
        cost=np.array([cost]),
        correct=None,
        checks=np.array([[checks.get(name, votes.UNKNOWN) for name in asked]], dtype=np.int8),
        asked=np.array([[name in given for name in asked]]),
    )


def _decision(policy: Policy, seen: Ballots, given: dict[str, Turn]) -> Decision:
    """The answer that is believed most, in the words of the earliest column that gave it."""
    (beliefs,) = policy.believe(seen)
    told = {name: float(belief) for name, belief in zip(seen.columns, beliefs, strict=True) if belief > 0}
    if not told:
        return Decision(answer=None, response="", stop="no_answer", beliefs={})
    best = given[max(told, key=told.__getitem__)]
    answers = {str(given[name].key): belief for name, belief in sorted(told.items(), key=lambda item: -item[1])}
    return Decision(answer=best.key, response=best.response, stop=policy.reason(seen), beliefs=answers)
