r"""How a team of learners would move around its equilibrium, and how much of the policy is chance.

    oscillation   share of an update that the next one takes back, over runs of simultaneous response from random
                  starts, damped and undamped; above 0 the step overshoots
    drift         half the mean squared distance of where the runs end: 0 with one equilibrium
    regret        of the damped run from the uniform profile, per update, in its three readings (`games`)
    perturbation  the game solved anew on bootstrap samples of its questions: how often a mode changes, and the
                  standard deviation of what the profile played earns

In clusters, oscillation and drift are the largest over clusters, and regret is not told: nobody holds the whole game.

Cost: `_SEEDS` · `_STEPS` evaluations of Q twice, and as many solves as bootstrap samples.

Source: `games.diagnostics`; bootstrap: Efron (1979).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from equipoise.beliefs.control_equilibrium import ControlEquilibrium, Settled, solve_control
from equipoise.games.diagnostics import drift, oscillation, regret
from equipoise.games.problem import Problem
from equipoise.games.updates import play

_SEEDS = 8
_STEPS = 100
_SPREAD = 3.0
"""Standard deviation of the logits that runs start from: from nearly uniform to nearly pure."""


@dataclass(frozen=True, kw_only=True)
class Motion:
    """What simultaneous updates do in one state; all None without regularisation, where updates have no step.

    Attributes:
        oscillation: the largest index over runs, damped as set.
        oscillation_undamped: the same at full step.
        drift: of where damped runs end.
        drift_undamped: the same at full step.
        regret_hqre: per update, in units of reward, against the equilibrium; None in clusters.
        regret_best: against the best pure profile.
        price: of regularisation, the difference of the two.
    """

    oscillation: float | None = None
    oscillation_undamped: float | None = None
    drift: float | None = None
    drift_undamped: float | None = None
    regret_hqre: float | None = None
    regret_best: float | None = None
    price: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Everything as numbers."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """What bootstrap samples of the questions change.

    Attributes:
        samples: how many.
        mode_changed: share of samples, in any state, in which the mode of the equilibrium is another.
        controls_changed: mean share of (state, executor) whose control is another.
        reward_sd: standard deviation of what the profile played earns, in units of reward.
    """

    samples: int
    mode_changed: float
    controls_changed: float
    reward_sd: float

    def as_json(self) -> dict[str, Any]:
        """Everything as numbers."""
        return dict(vars(self))


def motion(settled: Settled, *, seed: int = 0) -> Motion:
    """What simultaneous updates do.

    Args:
        settled: of one state.
        seed: of the starts.
    """
    if settled.solved is None:
        return Motion()
    problems = [equilibrium.problem for equilibrium in settled.solved.equilibria]
    damping = settled.solved.damping
    swing, apart = zip(*(_runs(problem, damping, seed) for problem in problems), strict=True)
    swing_full, apart_full = zip(*(_runs(problem, 1.0, seed) for problem in problems), strict=True)
    told = Motion(
        oscillation=max(swing),
        oscillation_undamped=max(swing_full),
        drift=max(apart),
        drift_undamped=max(apart_full),
    )
    if settled.whole is None:
        return told
    problem = problems[0]
    course = play(problem, problem.layout.uniform, damping=damping, steps=_STEPS)
    found = regret.exact(problem, course, settled.whole.policy)
    each = found.updates * problem.layout.agents  # welfare counts the common payoff once per agent
    return replace(
        told,
        regret_hqre=found.against_hqre.value / each,
        regret_best=found.against_best.value / each,
        price=found.price.value / each,
    )


def perturbation(found: ControlEquilibrium, *, samples: int = 20, seed: int = 0) -> Perturbation:
    """What bootstrap samples of the questions change.

    Args:
        found: the policy.
        samples: how many, at least 2.
        seed: of the samples.
    """
    mode = np.array([settled.mode for settled in found.states])
    played = np.array([settled.profile for settled in found.states])
    differs, earned = [], []
    for game in found.game.resampled(samples, np.random.default_rng(seed)):
        again = np.array([settled.mode for settled in solve_control(game, found.settings).states])
        differs.append(again != mode)
        earned.append(float(np.diagonal(game.payoffs(played)) @ game.state_weight))
    changed = np.array(differs)
    return Perturbation(
        samples=samples,
        mode_changed=float(changed.any(axis=(1, 2)).mean()),
        controls_changed=float(changed.mean()),
        reward_sd=float(np.std(earned, ddof=1)),
    )


def _runs(problem: Problem, damping: float, seed: int) -> tuple[float, float]:
    """The largest oscillation index over runs, and the drift of their ends."""
    starts = np.random.default_rng(seed).normal(scale=_SPREAD, size=(_SEEDS, problem.layout.size))
    runs = [play(problem, start, damping=damping, steps=_STEPS) for start in starts]
    return max(oscillation.index(run) for run in runs), drift.between(np.array([run[-1] for run in runs]))
