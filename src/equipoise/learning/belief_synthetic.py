r"""A synthetic team whose best e = [T, p] is known for every executor: what a trainer must find.

$$\Pr[\text{executor } i \text{ is right}] =
\exp\Bigl(-\tfrac12 \Bigl\lVert \frac{e_i - e_i^*}{s\,(e_{\max} - e_{\min})} \Bigr\rVert^2\Bigr)$$

The right answer has one embedding and wrong ones others, one per executor and question; who is wrong is drawn from the
question, the profile and the draw. Nothing is asked of a model, so a thousand rollouts take a second.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs import vote
from equipoise.learning.belief_rewards import components
from equipoise.learning.belief_stages import Stage
from equipoise.networks.prompt_range import PromptRange

Floats = NDArray[np.float64]


class SyntheticTeam:
    """A source with known optima.

    Args:
        best: e* of each executor [executors, 2].
        spread: s, the width of the peak as a share of the range.
        questions: how many.
        embedding: size of an embedding.
        seed: of questions and draws.
    """

    def __init__(
        self,
        best: Sequence[Sequence[float]],
        *,
        spread: float = 0.3,
        questions: int = 200,
        embedding: int = 16,
        seed: int = 0,
    ) -> None:
        self.best = np.array(best, dtype=float)
        self.spread = spread
        self.names = tuple(f"executor-{i + 1}" for i in range(len(self.best)))
        self.embedding = embedding
        self.texts = tuple(f"synthetic question {i} of seed {seed}" for i in range(questions))
        self._seed = seed
        prompt = PromptRange()
        self._width = np.array(prompt.high) - np.array(prompt.low)
        rng = np.random.default_rng([seed, 1])
        self._questions = _unit(rng.normal(size=(questions, embedding)))
        self._answers = _unit(rng.normal(size=(questions, 1 + len(self.best), embedding)))

    def chance(self, profile: Floats) -> Floats:
        """Probability that each executor is right [..., executors]."""
        off = (profile - self.best) / (self.spread * self._width)
        return np.exp(-0.5 * (off**2).sum(-1))

    async def observe(self, question: int) -> Floats:
        """The question's vector; the strategy is empty."""
        return np.concatenate([self._questions[question], np.zeros(self.embedding)])

    async def answer(self, question: int, profile: Floats, *, draw: int, worth: Floats) -> Stage:
        """A draw of who is right, and a vote."""
        settled = [round(float(number) * 1000) for number in profile.ravel()]
        rng = np.random.default_rng([self._seed, 2, question, draw, *settled])
        right = rng.random(len(self.best)) < self.chance(profile)
        keys = ["right" if ok else f"wrong {i}" for i, ok in enumerate(right)]
        texts = np.where(right[:, None], self._answers[question, 0], self._answers[question, 1:])
        agreed = vote.winner(vote.shares(keys))
        commitment = texts[keys.index(agreed)] if agreed in keys else np.zeros(self.embedding)
        parts = components(texts, keys, right.tolist(), commitment, agreed)
        return Stage(answers=texts, commitment=commitment, parts=parts, right=agreed == "right")


def _unit(vectors: Floats) -> Floats:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
