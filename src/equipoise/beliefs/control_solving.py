r"""Solving a game of controls: whole by annealed damped logit response, or cluster by cluster where it is too large.

$$z \leftarrow (1 - \alpha) z + \alpha \Big(\log \rho + \frac{Q(\mathrm{softmax}\, z)}{c_k \tau}\Big), \qquad
c_0 > c_1 > \dots > c_m = 1$$

Each stage starts where the last one ended, the first from the uniform profile at a temperature as hot as the rewards'
range, where the equilibrium is unique; so the end depends on no start. Damping α ≤ .3 keeps simultaneous updates from
oscillating. Where the last stage has not ended by its limit of steps, Newton's method takes over from there.

In clusters: at most `MEMBERS` players and `LOCAL` joint profiles each, in their order. Q_loc,c is what cluster c's own
equilibrium is worth with all others silent, and the gate g ∝ exp(Q_loc/τ_g) is the equilibrium of a game of one agent.
It orders the clusters: from the top cluster's mode on, each in turn solves its local game against the modes of the
others, until no mode moves or `SWEEPS` are done; the best round is kept. `games.Hierarchy` needs one tensor of all
players, and under a common payoff Q̄_i is the same for all, so that its gate could not tell clusters apart: so it is not
used here.

Cost: some hundred evaluations of Q, 2 ∏|U_i| operations each, a solve: milliseconds for five executors of two controls.

Source: DICE (arXiv 2606.08068), mirror step and local–global hierarchy.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from equipoise import games
from equipoise.beliefs.ballots import Floats
from equipoise.beliefs.control_game import ControlGame
from equipoise.beliefs.control_temperatures import ControlSettings, certified
from equipoise.games.solver import named as solver_named
from equipoise.games.solvers.mirror_descent import MirrorDescent

MEMBERS = 4
LOCAL = 2_500
"""Most joint profiles of a cluster of several players: its tensor is made anew for every move of the others."""
SWEEPS = 10
_COOLING = 0.7
_STAGE = games.Limits(tolerance=1e-4, iterations=200)
_LAST = games.Limits(tolerance=1e-10, iterations=3_000)


@dataclass(frozen=True, kw_only=True, eq=False)
class Solved:
    """The equilibria of a state.

    Attributes:
        policy: [player] π_i.
        temperatures: [players] τ_i, after certification.
        damping: α.
        clusters: the players of each game that was solved.
        equilibria: of each.
        gate: [clusters] g; None where all players were solved as one.
    """

    policy: tuple[Floats, ...]
    temperatures: Floats
    damping: float
    clusters: tuple[tuple[int, ...], ...]
    equilibria: tuple[games.Equilibrium, ...]
    gate: Floats | None = None

    @property
    def mode(self) -> NDArray[np.intp]:
        """[players] the most probable controls, the earliest on a draw."""
        return np.array([int(policy.argmax()) for policy in self.policy], dtype=np.intp)


def annealed(
    game: games.CommonPayoff, temperature: Floats, reference: Sequence[Floats], *, damping: float
) -> games.Equilibrium:
    """The equilibrium that cooling from the uniform profile leads to; its status says whether it is one.

    Args:
        game: of one state.
        temperature: [players] τ_i > 0.
        reference: [player] ρ_i.
        damping: α in (0, 1].
    """
    began = time.perf_counter()
    regularizer = games.Regularizer.of(game.layout, temperature, reference=reference)
    problem, descent = games.Problem(game, regularizer), MirrorDescent(damping=damping)
    heat = max(1.0, float(np.ptp(game.payoff)) / float(temperature.min()))
    logits, steps = game.layout.uniform, 0
    while heat > 1.0:
        run = descent.run(games.Problem(game, regularizer.heated(heat)), logits, _STAGE)
        logits, steps, heat = run.logits, steps + run.iterations, heat * _COOLING
    run, name = descent.run(problem, logits, _LAST), descent.name
    if not run.converged:
        steps, newton = steps + run.iterations, solver_named("newton")
        closer = newton.run(problem, run.logits, games.Limits())
        if closer.converged:
            run, name = closer, newton.name
    return games.Equilibrium(
        problem, run.logits, run.status, steps + run.iterations, time.perf_counter() - began, name, run.remark
    )


def whole(
    game: games.CommonPayoff, temperature: Floats, reference: Sequence[Floats], settings: ControlSettings
) -> Solved:
    """All players of a game at once; temperatures are raised first where they are to be certified."""
    damping = settings.damping
    if settings.schedule == "certified":
        temperature, damping = certified(game, temperature, reference, settings)
    found = annealed(game, temperature, reference, damping=damping)
    return Solved(
        policy=tuple(found.profile),
        temperatures=temperature,
        damping=damping,
        clusters=(tuple(range(len(reference))),),
        equilibria=(found,),
    )


def in_clusters(
    game: ControlGame, state: int, temperature: Floats, reference: Sequence[Floats], settings: ControlSettings
) -> Solved:
    """All players of a state, cluster by cluster; the arguments are those of `whole`."""
    clusters = clusters_of(game.actions)
    silent = np.array([len(player.columns) for player in game.players], dtype=np.intp)

    def local(members: tuple[int, ...], profile: NDArray[np.intp]) -> Solved:
        own = [reference[i] for i in members]
        return whole(game.local(state, members, profile), temperature[list(members)], own, settings)

    parts = [local(members, silent) for members in clusters]
    worth = np.array([part.equilibria[0].values[0] for part in parts])
    gate = games.solve(games.CommonPayoff(worth), settings.gate_temperature).policy
    profile = silent.copy()
    best: tuple[float, list[Solved]] = (-np.inf, parts)
    for sweep in range(SWEEPS):
        before = profile.copy()
        for which in np.argsort(-gate, kind="stable"):
            members = clusters[which]
            # The first to move has been solved against silence already.
            if sweep or (profile != silent).any():
                parts[which] = local(members, profile)
            profile[list(members)] = parts[which].mode
        earned = float(game.payoffs(profile[None], game.shares[state : state + 1])[0, 0])
        if earned > best[0]:
            best = (earned, list(parts))
        if (profile == before).all():
            break
    parts = best[1]
    temperatures = np.concatenate([part.temperatures for part in parts])
    return Solved(
        policy=tuple(policy for part in parts for policy in part.policy),
        temperatures=temperatures,
        damping=min(part.damping for part in parts),
        clusters=clusters,
        equilibria=tuple(part.equilibria[0] for part in parts),
        gate=gate,
    )


def clusters_of(actions: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Players in their order, at most `MEMBERS` a cluster and `LOCAL` joint profiles, at least one player."""
    clusters: list[tuple[int, ...]] = []
    for player in range(len(actions)):
        last = clusters[-1] if clusters else ()
        if last and len(last) < MEMBERS and prod(actions[i] for i in (*last, player)) <= LOCAL:
            clusters[-1] = (*last, player)
        else:
            clusters.append((player,))
    return tuple(clusters)
