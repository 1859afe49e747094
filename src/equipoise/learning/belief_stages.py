"""What a belief trainer learns from: questions in three splits, and what a team answers at a profile of e.

A source knows who plays, turns a question and the Coordinator's strategy into an observation, and answers one stage at
a time: everybody's own answer at its e, the public commitment, and what each answer earned. A live team is one
(`belief_live`), a synthetic one whose best e are known another (`belief_synthetic`). Splits never meet: a question is
in one of them by a hash of its text, wherever it stands in its file and whatever it is called there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from equipoise.errors import InputError
from equipoise.networks.belief_team import BeliefTeam

Floats = NDArray[np.float64]
Split = Literal["train", "validation", "test"]

SHARES: tuple[tuple[Split, float], ...] = (("train", 0.6), ("validation", 0.15), ("test", 0.25))
"""Shares of the questions."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What one stage of one question brought.

    Attributes:
        answers: embeddings of the answers [executors, embedding].
        commitment: its embedding [embedding]; 0 where nothing was committed to.
        parts: AL, TS and CC of each answer [executors, 3].
        right: whether the commitment is right.
    """

    answers: Floats
    commitment: Floats
    parts: Floats
    right: bool


class Source(Protocol):
    """A team and its questions."""

    @property
    def names(self) -> tuple[str, ...]:
        """The executors."""
        ...

    @property
    def embedding(self) -> int:
        """Size of an embedded text."""
        ...

    @property
    def texts(self) -> Sequence[str]:
        """The questions."""
        ...

    async def observe(self, question: int) -> Floats:
        """Embeddings of the question and of the strategy, side by side [2 × embedding]."""
        ...

    async def answer(self, question: int, profile: Floats, *, draw: int, worth: Floats) -> Stage:
        """One stage at a profile [executors, 2].

        Args:
            question: its place.
            profile: e of every executor.
            draw: other draws give other answers to the same.
            worth: Q_i of every executor [executors], for teams that commit by it.
        """
        ...


def split_of(text: str, seed: int) -> Split:
    """The split of a question, by its text alone."""
    place = int.from_bytes(sha256(f"{seed}|{text.strip()}".encode()).digest()[:8], "big") / 2**64
    for name, share in SHARES:
        if place < share:
            return name
        place -= share
    return SHARES[-1][0]


def splits(texts: Sequence[str], seed: int) -> dict[Split, NDArray[np.intp]]:
    """Places of the questions of each split.

    Raises:
        InputError: a split is empty; there are too few questions.
    """
    where = [split_of(text, seed) for text in texts]
    found: dict[Split, NDArray[np.intp]] = {
        name: np.array([i for i, split in enumerate(where) if split == name], dtype=np.intp) for name, _ in SHARES
    }
    if empty := [name for name, places in found.items() if not len(places)]:
        raise InputError(f"{len(texts)} questions leave the split {' and '.join(empty)} empty. Give more of them.")
    return found


@dataclass(frozen=True, kw_only=True)
class Rollouts:
    """Some questions played through all stages.

    Attributes:
        observation: [M, 2 × embedding].
        answers: embeddings [M, stages, executors, embedding].
        commitments: embeddings [M, stages, embedding].
        profiles: e as asked [M, stages, executors, 2].
        parts: AL, TS, CC [M, stages, executors, 3].
        right: of the commitments, 0 or 1 [M, stages].
    """

    observation: Floats
    answers: Floats
    commitments: Floats
    profiles: Floats
    parts: Floats
    right: Floats

    def arrays(self) -> dict[str, Floats]:
        """The fields by name."""
        return dict(vars(self))


def shapes(executors: int, stages: int, embedding: int) -> dict[str, tuple[tuple[int, ...], type]]:
    """Shape and type of one rollout's fields, by name."""
    return {
        "observation": ((2 * embedding,), np.float64),
        "answers": ((stages, executors, embedding), np.float64),
        "commitments": ((stages, embedding), np.float64),
        "profiles": ((stages, executors, 2), np.float64),
        "parts": ((stages, executors, 3), np.float64),
        "right": ((stages,), np.float64),
    }


def trajectory(answers: Floats, commitments: Floats, stage: int) -> torch.Tensor:
    """What each executor has seen before a stage: its own answers and the commitments, in turn.

    Shapes [M, stages, executors, d], [M, stages, d] → [M, executors, 2 × stage, d].
    """
    batch, _, executors, size = answers.shape
    own = torch.as_tensor(answers[:, :stage], dtype=torch.float32).transpose(1, 2)
    public = torch.as_tensor(commitments[:, :stage], dtype=torch.float32)[:, None].expand(-1, executors, -1, -1)
    return torch.stack([own, public], dim=3).reshape(batch, executors, 2 * stage, size)


@dataclass(frozen=True)
class Exploration:
    """How behaviour differs from the policy.

    Attributes:
        spread: standard deviation added to e, in shares of the range.
        uniform: probability that an executor's e is drawn from the whole range instead.
        grain: e is rounded to its multiples, so that equal settings recur; 0 for none.
    """

    spread: float = 0.0
    uniform: float = 0.0
    grain: float = 0.0

    def applied(self, profiles: Floats, low: Floats, high: Floats, rng: np.random.Generator) -> Floats:
        """Profiles as they are asked [..., executors, 2]."""
        noisy = profiles + rng.normal(0.0, 1.0, profiles.shape) * self.spread * (high - low)
        anywhere = rng.uniform(low, high, profiles.shape)
        chosen = np.where(rng.random(profiles.shape[:-1])[..., None] < self.uniform, anywhere, noisy)
        rounded = np.round(chosen / self.grain) * self.grain if self.grain else chosen
        return np.clip(rounded, low, high)


async def play(
    source: Source,
    team: BeliefTeam,
    questions: Sequence[int],
    *,
    stages: int,
    rng: np.random.Generator,
    exploration: Exploration = Exploration(),
    draw: int = 0,
    profiles: Floats | None = None,
) -> Rollouts:
    """Rollouts of some questions, all at the same time.

    Args:
        source: who plays.
        team: the networks, asked in evaluation mode.
        questions: their places, M of them.
        stages: 1 + K.
        rng: of the exploration.
        exploration: on top of what the heads say.
        draw: see `Source.answer`.
        profiles: e instead of the heads' [M, stages, executors, 2].
    """
    team.eval()
    observation = np.stack(await asyncio.gather(*(source.observe(question) for question in questions)))
    shape = (len(questions), stages, len(team.names))
    answers = np.zeros((*shape, source.embedding))
    commitments = np.zeros((*shape[:2], source.embedding))
    asked, parts, right = np.zeros((*shape, 2)), np.zeros((*shape, 3)), np.zeros(shape[:2])
    low, high = np.array(team.box.low), np.array(team.box.high)
    for s in range(stages):
        with torch.no_grad():
            seen = torch.as_tensor(observation, dtype=torch.float32)
            beliefs = team.believe(trajectory(answers, commitments, s), seen)
            heads = team.prompts(beliefs).double().numpy() if profiles is None else profiles[:, s]
            asked[:, s] = exploration.applied(heads, low, high, rng)
            worth = team.values(beliefs, torch.as_tensor(asked[:, s], dtype=torch.float32)).double().numpy()
        given = await asyncio.gather(
            *(
                source.answer(question, asked[m, s], draw=draw + s, worth=worth[m])
                for m, question in enumerate(questions)
            )
        )
        for m, stage in enumerate(given):
            answers[m, s], commitments[m, s] = stage.answers, stage.commitment
            parts[m, s], right[m, s] = stage.parts, stage.right
    return Rollouts(
        observation=observation, answers=answers, commitments=commitments, profiles=asked, parts=parts, right=right
    )
