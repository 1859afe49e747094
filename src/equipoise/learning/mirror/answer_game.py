r"""What rollouts say of the game of answers: the margin along an update's direction, and what anybody could gain.

For one question, an executor's action is the answer that it ends with (none is one too), and its payoff

$$r_i(a_1, \dots, a_N) = (1 - o)\,[\text{vote}(a) \text{ right}] + o\,[a_i \text{ right}]$$

is known for *every* profile of answers, sampled together or not: only the policies are estimated. x is the observed
frequency of the answers in a question's group, y the same rollouts weighted by the ratio of the updated policy, of
whole answers. Along x − y, `games.diagnostics.modulus` couples the others' answers, so that

$$\hat L = \frac{\sum_q \sum_i q_i}{\sum_q \sum_i \lVert x_i - y_i\rVert_1^2}, \qquad
q_i = \langle Q_i(x) - Q_i(y), x_i - y_i\rangle, \qquad \hat\mu = \alpha_\mathrm{min} - \hat L$$

has a relative error that does not grow as the step gets small. The interval is that of a ratio over questions.

What it is not: a certificate. It is the coupling of answers and not of tokens, along the one direction in which the
policies moved, between policies known from G answers a question. It can say that the margin is negative there, or
that it is positive there; of other directions it says nothing. And α_min is that of the settings, though what updates
climb is not in units of r: the group term is λ r/σ with σ a group's standard deviation, so in units of r temperatures
are α σ/λ, at most α for λ = 1/2 and rewards in [0, 1].

The average best-response regret is the mean over questions and executors of max_a Q_i(a) − Σ x_i Q_i, over the answers
that the executor itself gave in the group. It needs no critic. A maximum over estimates is somewhat too large.

Cost: N questions · (samples + answers · G²) votes. Sources: DICE (arXiv 2606.08068), margin and ABR (`dice.md`, section
6); `games.md`, rollout estimators.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from equipoise.games.diagnostics import modulus
from equipoise.learning.mirror.joint import JointPlay, JointRollouts

Floats = NDArray[np.float64]

SAMPLES = 64
"""Coupled plays of one executor on one question; they are votes, not calls."""

FARTHEST = 10.0
"""Largest |log ratio| of a whole answer."""

CONFIDENCE = 0.95
"""Of a margin's interval."""


@dataclass(frozen=True, kw_only=True)
class Margin:
    """μ̂ along an update's direction.

    Attributes:
        value: α_min − L̂.
        low, high: of its 95 % interval, Student's t over the questions.
        coupling: L̂.
        questions: that the policies moved on.
        verdict: "positive along the update", "negative along the update", or "not certified" where the interval
            includes 0. None of them is a certificate of uniqueness.
    """

    value: float
    low: float
    high: float
    coupling: float
    questions: int
    verdict: str


@dataclass(frozen=True, eq=False)
class AnswerGame:
    """The answers of one question's group as a game.

    Attributes:
        codes: of the answers, −1 for none [M, N].
        right: of every code, and last of none, which is False [codes + 1].
        own: o.
    """

    codes: NDArray[np.int64]
    right: NDArray[np.bool_]
    own: float

    def rewards(self, codes: NDArray[np.int64]) -> Floats:
        """r of profiles. Shapes [..., N] → [..., N]."""
        same = (codes[..., :, None] == codes[..., None, :]).sum(-1)
        votes = np.where(codes >= 0, same, 0)
        first = votes.argmax(-1)  # of the most votes the first executor's answer: ties go to it
        voted = self.right[np.take_along_axis(codes, first[..., None], axis=-1)]
        return (1.0 - self.own) * voted + self.own * self.right[codes]

    def expected(self, executor: int) -> Floats:
        """r̂_i of every rollout's answer, its mean over what the others answered in the group [M].

        Executors answer independently, so that any of their rollouts can be put together: in all M^(N−1) ways for
        N ≤ 3, and in M² of them for more, the k-th of the others turned k − 1 times as far as the second.
        """
        size, agents = self.codes.shape
        answers, place = np.unique(self.codes[:, executor], return_inverse=True)
        others = [i for i in range(agents) if i != executor]
        profiles = np.empty((len(answers), size, size, agents), dtype=self.codes.dtype)
        profiles[..., executor] = answers[:, None, None]
        step, row = np.indices((size, size))
        for turn, other in enumerate(others):
            profiles[..., other] = self.codes[(row + turn * step) % size, other]
        return self.rewards(profiles)[..., executor].mean((1, 2))[place]

    def regret(self, executor: int) -> float:
        """How much more the best of the executor's answers earns against the others than its answers do, ≥ 0."""
        expected = self.expected(executor)
        return float(expected.max() - expected.mean())

    def coupled(self, weights: Floats, rng: np.random.Generator) -> tuple[float, float]:
        """Σ_i q_i and Σ_i ‖x_i − y_i‖₁².

        Args:
            weights: of the group's rollouts under each executor's updated policy, > 0 [M, N].
            rng: of the coupled plays.
        """
        agents = self.codes.shape[1]
        found = [np.unique(self.codes[:, i], return_inverse=True) for i in range(agents)]
        x = [np.bincount(place) / len(place) for _, place in found]
        y = [np.bincount(place, weights[:, i]) / weights[:, i].sum() for i, (_, place) in enumerate(found)]
        pulled = 0.0
        for i in range(agents):
            plan = modulus.plan(x, y, i, SAMPLES, rng)
            codes = np.stack([answers[plan.actions[..., j]] for j, (answers, _) in enumerate(found)], axis=-1)
            pulled += modulus.coupling(plan, self.rewards(codes)[..., i]).value
        return pulled, float(sum(np.abs(a - b).sum() ** 2 for a, b in zip(x, y, strict=True)))


def games_of(play: JointPlay, questions: list[int], joint: JointRollouts, own: float) -> list[AnswerGame]:
    """The game of every question, in the order of the groups."""
    groups = joint.groups.numpy()
    games = []
    for place, question in enumerate(questions):
        given = [joint.keys[row] for row in np.flatnonzero(groups == place)]
        known = {
            key: code for code, key in enumerate(dict.fromkeys(k for keys in given for k in keys if k is not None))
        }
        codes = np.array([[-1 if key is None else known[key] for key in keys] for keys in given], dtype=np.int64)
        right = np.array([*(play.right(question, key) for key in known), False])
        games.append(AnswerGame(codes, right, own))
    return games


def regret(games: list[AnswerGame]) -> float:
    """The average best-response regret of some games."""
    return float(np.mean([game.regret(i) for game in games for i in range(game.codes.shape[1])]))


def margin(games: list[AnswerGame], moved: list[Floats], coldest: float, rng: np.random.Generator) -> Margin | None:
    """μ̂; None where the policies moved on fewer than two questions.

    Args:
        games: of the questions.
        moved: log ratios of whole answers, updated against played, one [M, N] a game.
        coldest: α_min.
        rng: of the coupled plays.
    """
    weights = [np.exp(np.clip(change, -FARTHEST, FARTHEST)) for change in moved]
    pairs = np.array([game.coupled(weight, rng) for game, weight in zip(games, weights, strict=True)])
    pairs = pairs[pairs[:, 1] > 0.0]
    if len(pairs) < 2:
        return None
    pulled, distance = pairs.T
    coupling = float(pulled.sum() / distance.sum())
    rest = pulled - coupling * distance
    error = float(np.sqrt((rest**2).sum() * len(pairs) / (len(pairs) - 1)) / distance.sum())
    value, reach = coldest - coupling, float(stats.t.ppf((1.0 + CONFIDENCE) / 2.0, len(pairs) - 1)) * error
    sign = "positive" if value > reach else "negative" if value < -reach else None
    return Margin(
        value=value,
        low=value - reach,
        high=value + reach,
        coupling=coupling,
        questions=len(pairs),
        verdict=f"{sign} along the update" if sign else "not certified",
    )
