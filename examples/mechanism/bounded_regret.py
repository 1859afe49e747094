"""Bounded regret under a unique HQRE, and the price of regularisation that it leaves out.

Under small gain g < 1 damped logit response contracts at q = 1 − α(1 − g), so that what an agent could still gain, its
regularized gap τ KL(π‖QR), adds up to a constant however long it learns:

    Σ_k gap_i(π_k) ≤ τ_i r_i² ‖H(z_0) − z_0‖² / (8 (1 − q²)),      ‖z‖ = max_i range(z_i)/r_i

Regret in welfare has three readings: against the HQRE it is bounded, against the best profile it is linear, and the
difference is T times the price of regularisation. With Q from a constant number of samples a step the gap never falls
below a floor and its sum is linear again; with samples that grow as k² it stays bounded.

    python examples/mechanism/bounded_regret.py [--first 0.4] [--second 0.7] [--steps 400] [--batch 8] [--out FOLDER]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from _figure import FRONT, OTHER, POINT, drawn, options, tell
from _learning import learn, problem_of, regret

from equipoise import games
from equipoise.games.diagnostics.regret import best_welfare, cumulated_gap_bound, welfare

START = [[0.05, 0.95], [0.2, 0.8]]
DAMPING = 0.5


def sampled_gaps(problem: games.Problem, steps: int, batch: Callable[[int], int], seed: int) -> np.ndarray:
    """Cumulated gap, both agents', where Q comes from sampled actions of the other: `batch` of them by step. [steps]"""
    rng, layout, regularizer = np.random.default_rng(seed), problem.layout, problem.regularizer
    logits, gaps = np.log(layout.flatten(START, what="start")), []
    for step in range(steps):
        policy, samples = problem.policy(logits), batch(step)
        gaps.append(problem.game.regularized_gap(policy, regularizer).sum())
        seen = [rng.multinomial(samples, policy[layout.block(agent)]) / samples for agent in range(layout.agents)]
        logits = (1.0 - DAMPING) * logits + DAMPING * problem.response_logits(np.concatenate(seen))
    return np.cumsum(gaps)


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Totals and slopes of regret in its three readings, and of the gap with exact and with sampled Q."""
    asked = options(__doc__, arguments, first=0.4, second=0.7, steps=400, batch=8, seed=0)
    game = games.library.two_conventions()
    tau = np.array([asked.first, asked.second])
    problem = problem_of(game, tau)
    path = learn(problem, START, damping=DAMPING, steps=asked.steps)
    solved = games.solve(game, tau)
    against_hqre = regret(problem, path, welfare(game, solved.policy))
    against_best = regret(problem, path, best_welfare(game))

    bounds = cumulated_gap_bound(problem, np.log(problem.layout.flatten(START, what="start")), damping=DAMPING)
    if bounds is None:
        raise SystemExit("these temperatures are not certified, so no bound holds; raise --first or --second.")
    gaps = np.cumsum([game.regularized_gap(policy, problem.regularizer) for policy in path], axis=0)
    constant = sampled_gaps(problem, asked.steps, lambda step: asked.batch, asked.seed)
    growing = sampled_gaps(problem, asked.steps, lambda step: asked.batch * (step + 1) ** 2, asked.seed)

    steps = np.arange(1, asked.steps + 1)
    figure = asked.out / "bounded_regret.svg"
    with drawn(figure, "Cumulated regret in its three readings", x="learning step", y="regret") as axes:
        axes.plot(steps, against_best, color=FRONT, label="against the best profile: linear")
        axes.plot(steps, against_best - against_hqre, ":", color=OTHER, label="the difference: price of regularisation")
        axes.plot(steps, against_hqre, color=POINT, label="against the HQRE: bounded")
    label = "Cumulated regularized gap with exact and with sampled payoffs"
    with drawn(asked.out / "bounded_gap.svg", label, x="learning step", y="cumulated regularized gap") as axes:
        axes.plot(steps, constant, color=FRONT, label=f"{asked.batch} samples a step: linear")
        axes.plot(steps, growing, color=OTHER, label="samples that grow as k²: bounded")
        axes.plot(steps, gaps.sum(axis=1), color=POINT, label="exact payoffs: bounded")
    half = asked.steps // 2
    numbers: dict[str, Any] = {
        "small_gain": games.certify(game, tau)["small_gain"].bound,
        "regret_against_hqre": float(against_hqre[-1]),
        "slope_against_hqre": float(np.diff(against_hqre)[-1]),
        "slope_against_best": float(np.diff(against_best)[-1]),
        "price_of_regularisation_per_step": best_welfare(game) - welfare(game, solved.policy),
        "gap_total_per_agent": gaps[-1].tolist(),
        "gap_bound_per_agent": bounds.tolist(),
        "gap_slope_constant_batch": float((constant[-1] - constant[half]) / (asked.steps - 1 - half)),
        "gap_slope_growing_batch": float((growing[-1] - growing[half]) / (asked.steps - 1 - half)),
    }
    return tell(numbers, figure, as_json=asked.json)


if __name__ == "__main__":
    main()
