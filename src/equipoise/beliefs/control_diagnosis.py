r"""Whether a team's controls settled, how far from equilibrium, at what cost: everything a report says of the policy.

For every state: the margin μ with its verdict (`control_coupling`); what the equilibrium's mode, its samples and the
best pure profile earn, beside τ/L_c, which is paid for with it; what an executor could still gain,

$$\mathrm{ABR} = \frac{1}{N} \sum_i \big[ \max_u Q_i(u) - E_{u \sim \pi_i} Q_i(u) \big]$$

on replay, of the policy and of the profile played; the regularized gap; normalised policy entropy, mean of H(π_i)/log
|U_i|; oscillation, drift, regret and perturbation (`control_stability`).

And the deployment checklist, of the column that each executor plays, or of its best where it abstains: pass@1; the
information asymmetry over pairs of executors, which is disagreement, the probability that one is right and the other
not (Skalak, 1996; Kuncheva & Whitaker, 2003, table 2), the mutual information of their being wrong, in nats (Shannon,
1948), and the probability that two wrong answers are equal; the cost of the profile played against that of the most
accurate single column.

Cost: that of `control_stability` and `control_coupling`; a few seconds for 10⁴ profiles, below one for five executors
of two controls.

Source: DICE (arXiv 2606.08068), diagnostics and deployment checklist.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import entropy

from equipoise import games
from equipoise.beliefs.ballots import Bools, Floats
from equipoise.beliefs.control_coupling import Margin, margin
from equipoise.beliefs.control_equilibrium import ControlEquilibrium, Settled
from equipoise.beliefs.control_game import ControlGame
from equipoise.beliefs.control_stability import Motion, Perturbation, motion, perturbation
from equipoise.games.response import entropy as policy_entropy

PASSES = 0.2
"""pass@1 from which an executor is of use, as the paper's checklist has it."""

SETTLED = 0.1
"""ABR below which learning stops."""


@dataclass(frozen=True, kw_only=True)
class StateDiagnosis:
    """One state; rewards are on the training questions.

    Attributes:
        margin: μ, L_c and the verdict.
        reward_mode: what the mode of the policy earns.
        reward_sample: what samples of it earn.
        reward_best: what the best pure profile found earns.
        kept: whose profile is played.
        abr: of the policy.
        abr_played: of the profile played.
        regularized_gap: largest gain of a quantal reply; None without regularisation.
        residual: max |π − QR(π)|; None without regularisation.
        entropy: normalised, in [0, 1].
        motion: oscillation, drift, regret.
    """

    margin: Margin
    reward_mode: float
    reward_sample: float
    reward_best: float
    kept: str
    abr: float
    abr_played: float
    regularized_gap: float | None
    residual: float | None
    entropy: float
    motion: Motion

    def as_json(self) -> dict[str, Any]:
        """Everything as numbers, strings and lists."""
        return {**vars(self), "margin": self.margin.as_json(), "motion": self.motion.as_json()}


@dataclass(frozen=True, kw_only=True)
class Asymmetry:
    """How differently executors are informed; means over pairs, None for one executor.

    Attributes:
        disagreement: probability that exactly one of two is right.
        shared_errors: mutual information of two executors' being wrong, in nats, ≥ 0.
        equal_errors: probability that two wrong answers are the same; None where no two are wrong at once.
    """

    disagreement: float | None
    shared_errors: float | None
    equal_errors: float | None

    def as_json(self) -> dict[str, Any]:
        """Everything as numbers."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class ControlDiagnosis:
    """The whole policy.

    Attributes:
        states: one diagnosis each.
        perturbation: by bootstrap of the questions; None where none was asked for.
        pass_at_1: accuracy of each executor.
        asymmetry: of what executors know.
        cost: mean cost of a question, in the unit of the price.
        cost_ratio: against the most accurate single column; None where that one is free.
    """

    states: tuple[StateDiagnosis, ...]
    perturbation: Perturbation | None
    pass_at_1: dict[str, float]
    asymmetry: Asymmetry
    cost: float
    cost_ratio: float | None

    @property
    def mu(self) -> float:
        """The least margin over states."""
        return min(state.margin.mu for state in self.states)

    @property
    def finding(self) -> games.Finding:
        """Certified where every state is, refuted where one is, else inconclusive."""
        findings = {state.margin.finding for state in self.states}
        if games.Finding.REFUTED in findings:
            return games.Finding.REFUTED
        return findings.pop() if len(findings) == 1 else games.Finding.INCONCLUSIVE

    @property
    def weak(self) -> tuple[str, ...]:
        """Executors below `PASSES`."""
        return tuple(name for name, rate in self.pass_at_1.items() if rate < PASSES)

    @property
    def settled(self) -> bool:
        """Whether no executor could still gain much: ABR below `SETTLED` in every state."""
        return all(state.abr < SETTLED for state in self.states)

    def as_json(self) -> dict[str, Any]:
        """Everything as numbers, strings and lists."""
        return {
            "mu": self.mu,
            "finding": self.finding.name.lower(),
            "settled": self.settled,
            "states": [state.as_json() for state in self.states],
            "perturbation": None if self.perturbation is None else self.perturbation.as_json(),
            "pass_at_1": self.pass_at_1,
            "weak": list(self.weak),
            "asymmetry": self.asymmetry.as_json(),
            "cost": self.cost,
            "cost_ratio": self.cost_ratio,
        }


def diagnose(found: ControlEquilibrium, *, samples: int = 20, seed: int = 0) -> ControlDiagnosis:
    """The diagnosis of a policy on the questions that it was learned from.

    Args:
        found: from `solve_control`.
        samples: bootstrap samples of the questions; 0 for none.
        seed: of starts, directions and samples.
    """
    game = found.game
    states = tuple(_state(game, index, settled, seed) for index, settled in enumerate(found.states))
    cost, single = _costs(found)
    gave, hits = _shown(found)
    return ControlDiagnosis(
        states=states,
        perturbation=perturbation(found, samples=samples, seed=seed) if samples else None,
        pass_at_1={p.name: float(rate) for p, rate in zip(game.players, hits.mean(axis=0), strict=True)},
        asymmetry=_asymmetry(gave, hits),
        cost=cost,
        cost_ratio=cost / single if single > 0.0 else None,
    )


def _state(game: ControlGame, index: int, settled: Settled, seed: int) -> StateDiagnosis:
    layout = games.Layout(tuple((count,) for count in game.actions), nested=False)
    spread = policy_entropy(np.concatenate(settled.policy), layout) / np.log(layout.sizes)
    replies = _replies(game, index, settled.profile)
    abr_played = float(np.mean([max(q) - q[taken] for q, taken in zip(replies, settled.profile, strict=True)]))
    abr = abr_played
    if settled.solved is not None:
        abr = float(np.mean([gain for e in settled.solved.equilibria for gain in e.exploitability]))
    return StateDiagnosis(
        margin=margin(game, index, settled, seed=seed),
        reward_mode=settled.earned["mode"],
        reward_sample=settled.earned["sample"],
        reward_best=settled.earned["best"],
        kept=settled.kept,
        abr=abr,
        abr_played=abr_played,
        regularized_gap=settled.regularized_gap,
        residual=settled.residual,
        entropy=float(spread.mean()),
        motion=motion(settled, seed=seed),
    )


def _replies(game: ControlGame, state: int, profile: NDArray[np.intp]) -> list[Floats]:
    """[player] what each of its controls earns while the others keep to a profile."""
    return [game.local(state, (player,), profile).payoff for player in range(len(game.players))]


def _shown(found: ControlEquilibrium) -> tuple[Bools, Bools]:
    """Which answer each executor gave, [questions, labels, N], and whether it is right, [questions, N]."""
    game = found.game
    shown = np.zeros((game.states, len(game.players)), dtype=np.intp)
    for state, settled in enumerate(found.states):
        for place, (player, action) in enumerate(zip(game.players, settled.profile, strict=True)):
            best = max(player.columns, key=lambda column: float(game.accuracy[column]))
            shown[state, place] = (*player.columns, best)[action]
    state_of = (game.shares > 0.0).argmax(axis=0)
    gave = np.take_along_axis(game.votes[game.pattern], shown[state_of][:, None, :], axis=2) > 0.0
    hits = np.where(gave, game.right[game.pattern][:, :, None], False)
    return gave, hits.max(axis=1)


def _asymmetry(gave: Bools, hits: Bools) -> Asymmetry:
    pairs = list(combinations(range(hits.shape[1]), 2))
    if not pairs:
        return Asymmetry(disagreement=None, shared_errors=None, equal_errors=None)
    differ, informed, both, equal = [], [], 0, 0
    for i, j in pairs:
        joint = np.histogram2d(hits[:, i], hits[:, j], bins=2, range=[[0, 1], [0, 1]])[0]
        differ.append((joint[0, 1] + joint[1, 0]) / joint.sum())
        parts = [entropy(joint.sum(axis=1)), entropy(joint.sum(axis=0)), -entropy(joint.ravel())]
        informed.append(max(float(np.sum(parts)), 0.0))
        wrong = gave[:, :, i].any(axis=1) & gave[:, :, j].any(axis=1) & ~hits[:, i] & ~hits[:, j]
        both += int(wrong.sum())
        equal += int((wrong & (gave[:, :, i] & gave[:, :, j]).any(axis=1)).sum())
    return Asymmetry(
        disagreement=float(np.mean(differ)),
        shared_errors=float(np.mean(informed)),
        equal_errors=equal / both if both else None,
    )


def _costs(found: ControlEquilibrium) -> tuple[float, float]:
    """Mean cost of the profiles played, and of the most accurate single column, the cheapest on a draw."""
    game = found.game
    called = game.calls(np.array([settled.profile for settled in found.states]))
    each = np.column_stack([game.mean_cost, np.zeros(game.states)])
    played = float(np.take_along_axis(each, called, axis=1).sum(axis=1) @ game.state_weight)
    alone = game.mean_cost.T @ game.state_weight
    owned = sorted({column for player in game.players for column in player.columns})
    best = min(owned, key=lambda column: (-float(game.accuracy[column]), float(alone[column])))
    return played, float(alone[best])
