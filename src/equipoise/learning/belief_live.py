"""A live team as a source of rollouts: the very acts of the method `econ`, graded by the task, each answer kept.

What an executor answers to a question at a rounded e is asked once per draw and then read from a file of JSON lines, so
that a run which was stopped goes on without asking again, and several seeds share what they ask alike. Model seeds
follow the question and the draw, never the order of calls. Strategies are written once per question.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError
from equipoise.learning.belief_rewards import components
from equipoise.learning.belief_stages import Stage
from equipoise.methods._econ_account import Account
from equipoise.methods._econ_acts import Rule, answered, committed, strategised
from equipoise.networks.text_embedding import TextEmbedder
from equipoise.tasks import graders
from equipoise.team.episode import Turn
from equipoise.team.problem import Problem
from equipoise.team.team import Team
from equipoise.team.turns import Turns

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question with its answer key, which only trainers and scorers see."""

    problem: Problem
    gold: str

    def right(self, key: str | None) -> bool:
        """Whether an answer is right; a missing one is not."""
        return key is not None and graders.grader(self.problem.kind.name).grade(key, self.gold, self.problem)


class LiveTeam:
    """A team that is asked.

    Args:
        team: who plays.
        asked: the questions.
        embedder: of answers and commitments.
        seed: of the models.
        rule: how commitments are made; a vote where a Coordinator would and there is none.
        coordinator: whether there is one, who writes a strategy.
        kept: a file of what was asked, read at first and added to; nothing is kept when None.

    Attributes:
        calls, tokens: of this run; what was read from the file costs nothing.
        remarks: what went otherwise than asked, each once, as keys.

    Raises:
        InputError: the file is damaged or of another team.
    """

    def __init__(
        self,
        team: Team,
        asked: Sequence[Asked],
        embedder: TextEmbedder,
        *,
        seed: int = 0,
        rule: Rule = "vote",
        coordinator: bool = True,
        kept: Path | None = None,
    ) -> None:
        self.team, self.asked = team, list(asked)
        self.names = tuple(executor.name for executor in team.executors)
        self.embedding = embedder.size
        self.texts = [item.problem.question for item in asked]
        self.calls = self.tokens = 0
        self.remarks: dict[str, None] = {}
        self._embedder, self._seed, self._coordinator = embedder, seed, coordinator
        self._rule: Rule = "vote" if rule == "coordinator" and not coordinator else rule
        self._turns: dict[str, asyncio.Task[Turn]] = {}
        self._known: dict[str, dict[str, Any]] = {}
        self._plans: dict[int, asyncio.Task[str]] = {}
        self._kept = kept
        # Arguments of a model need not be JSON; what is not is told apart by its description.
        self._head = json.loads(json.dumps({"team": team.model_dump(), "seed": seed}, default=str))
        if kept is not None:
            self._read(kept)

    async def observe(self, question: int) -> Floats:
        """Question and strategy."""
        plan = await self._plan(question)
        both = self._embedder.embed([self.texts[question], plan])
        return both.flatten().double().numpy()

    async def answer(self, question: int, profile: Floats, *, draw: int, worth: Floats) -> Stage:
        """Everybody's answer, the commitment, and what they earned."""
        plan = await self._plan(question)
        executors = range(len(self.names))
        given = await asyncio.gather(*(self._answer(question, i, profile[i], plan, draw) for i in executors))
        item = self.asked[question]
        turns = self._open(question, draw)
        made = await committed(turns, given, None, rule=self._rule, worth=[float(value) for value in worth])
        self._spend(turns.taken)
        vectors = self._embedder.embed([*(turn.response for turn in given), made.response]).double().numpy()
        keys = [turn.key for turn in given]
        right = [item.right(key) for key in keys]
        parts = components(vectors[:-1], keys, right, vectors[-1], made.answer)
        return Stage(answers=vectors[:-1], commitment=vectors[-1], parts=parts, right=item.right(made.answer))

    def _open(self, question: int, draw: int = 0) -> Turns:
        return Turns(self.asked[question].problem, self.team, self._seed, first_sample=draw)

    async def _plan(self, question: int) -> str:
        if not self._coordinator:
            return ""
        if question not in self._plans:
            self._plans[question] = asyncio.ensure_future(self._written(question))
        return await self._plans[question]

    async def _written(self, question: int) -> str:
        place = json.dumps([self.asked[question].problem.id, self.texts[question], "plan"])
        if place in self._known:
            return self._known[place]["plan"]
        turns = self._open(question)
        plan = await strategised(turns, Account(turns))
        self._spend(turns.taken)
        self._keep(place, {"plan": plan})
        return plan

    async def _answer(self, question: int, executor: int, point: Floats, plan: str, draw: int) -> Turn:
        settings = [round(float(number), 2) for number in point]
        name = self.names[executor]
        place = json.dumps([self.asked[question].problem.id, self.texts[question], name, settings, draw])
        if place not in self._turns:
            self._turns[place] = asyncio.ensure_future(self._ask(place, question, executor, settings, plan, draw))
        return await self._turns[place]

    async def _ask(
        self, place: str, question: int, executor: int, settings: Sequence[float], plan: str, draw: int
    ) -> Turn:
        if place in self._known:
            return Turn.model_validate(self._known[place]["turn"])
        turns = self._open(question, draw)
        turn = await answered(turns, self.team.executors[executor], settings, plan=plan)
        self._spend([turn])
        self.remarks.update(dict.fromkeys(turns.remarks))
        turn = turn.model_copy(update={"prompt": ()})
        self._keep(place, {"turn": turn.model_dump(mode="json")})
        return turn

    def _spend(self, turns: Sequence[Turn]) -> None:
        self.calls += len(turns)
        self.tokens += sum(turn.input_tokens + turn.output_tokens for turn in turns)

    def _keep(self, place: str, value: dict[str, Any]) -> None:
        self._known[place] = value
        if self._kept is not None:
            with self._kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"place": place} | value) + "\n")

    def _read(self, kept: Path) -> None:
        if not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(self._head) + "\n", encoding="utf-8")
            return
        first, *rest = kept.read_text(encoding="utf-8").split("\n")
        if json.loads(first) != self._head:
            raise InputError(f"'{kept}' holds the answers of another team or seed. Name another file.")
        for number, line in enumerate(rest, start=2):
            try:
                row = json.loads(line) if line else None
            except ValueError:
                if number == len(rest) + 1:  # the last line, half written when a run was killed
                    kept.write_text("\n".join([first, *rest[:-1]]) + "\n", encoding="utf-8")
                    break
                raise InputError(f"'{kept}', line {number}, is damaged. Remove the line.") from None
            if row is not None:
                self._known[row.pop("place")] = row
