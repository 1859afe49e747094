r"""What a learned control is told as: whom it calls, and how a team of learners would have come to its equilibrium.

The course is the damped logit response that all executors give at once, at the temperatures of the equilibrium, from
the uniform policies on,

$$\log \pi^+_i = (1 - \alpha) \log \pi_i + \alpha \Big(\log \rho_i + \frac{Q_i(\pi)}{\tau_i}\Big)$$

and after each update: the reward of samples, the average best-response regret, normalised entropy. ABR below
`control_diagnosis.SETTLED` is where a learner stops.

Cost: `UPDATES` evaluations of Q a state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from equipoise.beliefs.control_diagnosis import ControlDiagnosis
from equipoise.beliefs.control_equilibrium import ControlEquilibrium, Settled
from equipoise.beliefs.policy import Policy
from equipoise.beliefs.profile_vote import ProfileVote
from equipoise.beliefs.rounds import Rounds
from equipoise.beliefs.stopping import Cascade, EarlyVote
from equipoise.beliefs.verifying import UntilPassed
from equipoise.games.response import entropy
from equipoise.games.updates import play

UPDATES = 60


@dataclass(frozen=True, kw_only=True)
class Update:
    """The team after an update, as a mean over states by their share of the questions.

    Attributes:
        update: 0 for the uniform policies.
        reward: of samples of the policies, in units of accuracy.
        margin: μ, the least over states; None where it is unknown.
        abr: average best-response regret.
        entropy: normalised, in [0, 1].
    """

    update: int
    reward: float
    margin: float | None
    abr: float
    entropy: float


def course(found: ControlEquilibrium, diagnosis: ControlDiagnosis) -> list[Update]:
    """The way to an equilibrium; empty where it was solved in clusters, or without regularisation."""
    if any(settled.whole is None for settled in found.states):
        return []
    each = np.array([_updates(settled) for settled in found.states])
    mean = np.tensordot(found.game.state_weight, each, axes=1)
    return [
        Update(update=k, reward=float(reward), margin=diagnosis.mu, abr=float(abr), entropy=float(spread))
        for k, (reward, abr, spread) in enumerate(mean)
    ]


def _updates(settled: Settled) -> np.ndarray:
    """[updates + 1, 3] reward, ABR and entropy in one state."""
    assert settled.whole is not None and settled.solved is not None
    problem = settled.whole.problem
    layout, told = problem.layout, []
    choices = np.maximum(np.log(layout.sizes), 1e-12)
    for policy in play(problem, layout.uniform, damping=settled.solved.damping, steps=UPDATES):
        worth = problem.game.q(policy, problem.regularizer)
        replies = [(worth[layout.block(i)], policy[layout.block(i)]) for i in range(layout.agents)]
        earned = float(replies[0][0] @ replies[0][1])  # the payoff is common
        abr = float(np.mean([q.max() - q @ pi for q, pi in replies]))
        told.append((earned, abr, float((entropy(policy, layout) / choices).mean())))
    return np.array(told)


def described(policy: Policy, columns: Sequence[str]) -> dict[str, Any]:
    """Whom a policy calls: its kind, a sentence, and the names of the columns of each round.

    Rounds of a policy that plays a profile are its states, and what it may call in each.

    Args:
        policy: that was learned.
        columns: names, in its order.
    """
    match policy:
        case Cascade(order=order):
            told, rounds = "One after another, until one more answer is not worth its price.", _each(order, columns)
        case UntilPassed(order=order):
            told, rounds = "One after another, until an answer passes the check.", _each(order, columns)
        case EarlyVote(order=order):
            told, rounds = "One after another, until the outcome of the vote is certain.", _each(order, columns)
        case Rounds(order=order, first=first, last=last):
            told = "The first round at once; the second where its answers leave enough doubt."
            parts = [order[:first], order[first:last]]
            rounds = [[columns[int(place)] for place in part] for part in parts if len(part)]
        case ProfileVote(called=called):
            told = "All at once, by the equilibrium of the executors' game."
            rounds = [[columns[int(place)] for place in np.flatnonzero(row.any(axis=0))] for row in called]
        case _:
            told, rounds = "Everybody at once, and a vote over the answers.", [list(columns)]
    return {"kind": type(policy).__name__, "sentence": told, "rounds": rounds}


def _each(order: np.ndarray | None, columns: Sequence[str]) -> list[list[str]]:
    """A round for each column, in the order given or in the team's."""
    return [[columns[int(place)]] for place in (range(len(columns)) if order is None else order)]
