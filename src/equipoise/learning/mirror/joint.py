r"""Joint rollouts: every executor answers the same questions under one snapshot, and the task and the vote grade them.

$$r_i = (1 - o)\,\mathbb 1[\text{vote right}] + o\,\mathbb 1[\text{own right}], \qquad R = \tfrac1N \sum_i r_i$$

Prompts are those of the ordinary method path: an executor's default control, its instructions, and the Coordinator's
plan where one is asked for. So what is trained is what `equipoise eval` plays. The vote is a majority, ties to the
first executor: of the aggregation rules it is the one that needs no further call.

A question whose returns differ most is where a group says most: on request it is answered twice as often.

Cost: N · questions · G responses. Source: DICE (arXiv 2606.08068), joint rollouts (`dice.md`, section 5).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from equipoise.beliefs import vote
from equipoise.errors import InputError
from equipoise.learning.belief_live import Asked
from equipoise.learning.mirror.adapted_models import AdaptedModels
from equipoise.learning.mirror.engine import RolloutEngine
from equipoise.learning.mirror.rollouts import Rollouts
from equipoise.team import prompt as prompts
from equipoise.team.problem import digest
from equipoise.team.team import Team
from equipoise.team.turns import Turns
from equipoise.whole_files import replace

LONGEST = 16
"""Questions that are looked at for their length: that of most characters need not be that of most tokens."""


@dataclass(frozen=True, kw_only=True)
class JointRollouts:
    """M joint rollouts of N executors; row m of every executor belongs to rollout m.

    Attributes:
        rollouts: of each executor.
        groups: place of the question among those asked [M].
        keys: answers, None where there is none [M][N].
        own_right: of each answer [M, N].
        vote_right: of the team's answer [M].
        rewards: r_i [M, N].
    """

    rollouts: tuple[Rollouts, ...]
    groups: Tensor
    keys: tuple[tuple[str | None, ...], ...]
    own_right: Tensor
    vote_right: Tensor
    rewards: Tensor

    @property
    def returns(self) -> Tensor:
        """R^g, the mean reward of a rollout [M]."""
        return self.rewards.mean(1)

    @property
    def generated(self) -> int:
        """Tokens drawn, end marks included."""
        return sum(int(rollouts.mask.sum()) for rollouts in self.rollouts)


class JointPlay:
    """A team that answers questions with the adapters of now.

    Args:
        models: of the executors.
        engine: that generates.
        team: prompts, controls and limits.
        asked: the questions.
        own: o.
        max_tokens: most tokens of an answer; None for what the team file says.
        plans: file of the Coordinator's plans, read at first and added to; executors see no plan when None.
    """

    def __init__(
        self,
        models: AdaptedModels,
        engine: RolloutEngine,
        team: Team,
        asked: Sequence[Asked],
        *,
        own: float = 0.5,
        max_tokens: int | None = None,
        plans: Path | None = None,
    ) -> None:
        self.team, self.asked = team, asked
        self._models, self._engine, self._own = models, engine, own
        limits = [executor.max_tokens or team.max_tokens for executor in team.executors]
        self.limits = [min(limit, max_tokens or limit) for limit in limits]
        self._controls = [team.controls_of(executor)[0] for executor in team.executors]
        self._plans = None if plans is None else _Plans(team, asked, plans)
        self._right: dict[tuple[int, str], bool] = {}

    def check_room(self) -> None:
        """Nothing, where the questions of most characters leave every executor room for an answer; plans not counted.

        Raises:
            InputError: one of them does not, which a run would otherwise find out when it is drawn.
        """
        by_length = sorted(range(len(self.asked)), key=lambda q: -len(self.asked[q].problem.question))
        for i, name in enumerate(self._models.names):
            context = self._models.context(i)
            for question in by_length[:LONGEST]:
                size = len(self._prompt(i, question, None))
                if size >= context:
                    raise InputError(
                        f"question '{self.asked[question].problem.id}' makes a prompt of {size} tokens and leaves "
                        f"'{name}' no room: its context is {context} tokens. Leave long questions out, or take a base "
                        "with a longer context."
                    )

    def play(
        self,
        questions: Sequence[int],
        *,
        group: int,
        seed: int,
        raise_variance: float | None = None,
        as_played: bool = False,
    ) -> JointRollouts:
        """Joint rollouts of some questions, G of each, one question's after another's.

        Args:
            questions: their places.
            group: G.
            seed: equal seeds, weights and questions give equal rollouts.
            raise_variance: questions whose returns vary at least so much get G more, which come last; None for never.
            as_played: sampled at the sampling temperatures of the executors' controls, though from the whole vocabulary
                and without a repetition penalty, rather than at 1, which is what is trained.

        Raises:
            InputError: a prompt leaves no room for an answer.
            OutOfMemory: a batch does not fit.
        """
        first = self._round(questions, range(len(questions)), group, seed, as_played)
        if raise_variance is None:
            return first
        spread = first.returns.reshape(len(questions), group).var(1, unbiased=False)
        again = [place for place, value in enumerate(spread.tolist()) if value >= raise_variance]
        if not again:
            return first
        return joined(first, self._round([questions[place] for place in again], again, group, seed + 1, as_played))

    def _round(
        self, questions: Sequence[int], places: Sequence[int], group: int, seed: int, as_played: bool
    ) -> JointRollouts:
        plans = self._plans.of(questions) if self._plans else [None] * len(questions)
        rollouts = []
        for i, control in enumerate(self._controls):
            asked = [self._prompt(i, q, plan) for q, plan in zip(questions, plans, strict=True)]
            rollouts.append(
                self._engine.generate(
                    i,
                    [prompt for prompt in asked for _ in range(group)],
                    max_tokens=self.limits[i],
                    seed=int(np.random.SeedSequence([seed, i]).generate_state(1)[0]),
                    sampling_temperature=control.sampling_temperature if as_played else 1.0,
                )
            )
        where = np.repeat(np.asarray(questions), group).tolist()
        return self._graded(where, torch.as_tensor(np.repeat(np.asarray(places), group)), tuple(rollouts))

    def _prompt(self, executor: int, question: int, plan: str | None) -> list[int]:
        control, agent = self._controls[executor], self.team.executors[executor]
        task_line = self.team.strategy_text(control.strategy)
        shots = control.strategy == "few_shot"
        made = prompts.answer(self.asked[question].problem, task_line, plan=plan, few_shot=shots)
        system = [{"role": "system", "content": agent.instructions}] if agent.instructions else []
        return self._models.prompt(executor, [*system, *({"role": m.role, "content": m.text} for m in made)])

    def _graded(self, questions: Sequence[int], groups: Tensor, rollouts: tuple[Rollouts, ...]) -> JointRollouts:
        texts = zip(*(each.texts for each in rollouts), strict=True)
        keys = [
            tuple(self.asked[question].problem.read(text) for text in said)
            for question, said in zip(questions, texts, strict=True)
        ]
        voted = [vote.winner(vote.shares(given)) for given in keys]
        own = torch.tensor([[self.right(q, key) for key in given] for q, given in zip(questions, keys, strict=True)])
        team = torch.tensor([self.right(q, key) for q, key in zip(questions, voted, strict=True)])
        rewards = (1.0 - self._own) * team[:, None].float() + self._own * own.float()
        return JointRollouts(
            rollouts=rollouts, groups=groups, keys=tuple(keys), own_right=own, vote_right=team, rewards=rewards
        )

    def right(self, question: int, key: str | None) -> bool:
        """Whether an answer to a question is right; asked of the grader once, since mathematics takes its time."""
        if key is None:
            return False
        if (question, key) not in self._right:
            self._right[question, key] = self.asked[question].right(key)
        return self._right[question, key]


def joined(first: JointRollouts, second: JointRollouts) -> JointRollouts:
    """The rollouts of both, the first's before the second's."""
    return JointRollouts(
        rollouts=tuple(_stacked(a, b) for a, b in zip(first.rollouts, second.rollouts, strict=True)),
        groups=torch.cat([first.groups, second.groups]),
        keys=first.keys + second.keys,
        own_right=torch.cat([first.own_right, second.own_right]),
        vote_right=torch.cat([first.vote_right, second.vote_right]),
        rewards=torch.cat([first.rewards, second.rewards]),
    )


def _stacked(first: Rollouts, second: Rollouts) -> Rollouts:
    prompt = max(first.prompts.shape[1], second.prompts.shape[1])
    width = max(first.tokens.shape[1], second.tokens.shape[1])

    def left(values: Tensor) -> Tensor:
        return F.pad(values, (prompt - values.shape[1], 0))

    def right(values: Tensor) -> Tensor:
        return F.pad(values, (0, width - values.shape[1]))

    return Rollouts(
        prompts=torch.cat([left(first.prompts), left(second.prompts)]),
        prompt_mask=torch.cat([left(first.prompt_mask), left(second.prompt_mask)]),
        tokens=torch.cat([right(first.tokens), right(second.tokens)]),
        mask=torch.cat([right(first.mask), right(second.mask)]),
        truncated=torch.cat([first.truncated, second.truncated]),
        texts=first.texts + second.texts,
    )


class _Plans:
    """The Coordinator's plans, each written once, greedily, and kept in a file by the digest of its question."""

    def __init__(self, team: Team, asked: Sequence[Asked], kept: Path) -> None:
        self._team, self._asked, self._kept = team, asked, kept
        self._known: dict[str, str] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}

    def of(self, questions: Sequence[int]) -> list[str]:
        marks = [digest(self._asked[question].problem.question) for question in questions]
        missing = {mark: q for mark, q in zip(marks, questions, strict=True) if mark not in self._known}
        if missing:
            written = asyncio.run(self._written(list(missing.values())))
            self._known |= dict(zip(missing, written, strict=True))
            replace(self._kept, json.dumps(self._known, indent=1).encode())
        return [self._known[mark] for mark in marks]

    async def _written(self, questions: Sequence[int]) -> list[str]:
        turns = [Turns(self._asked[question].problem, self._team, 0) for question in questions]
        return list(await asyncio.gather(*(turn.plan() for turn in turns)))
