r"""The equilibrium that executors' controls settle in, what is played of it, and the better of it and the best profile.

$$\pi_i(u \mid s) \propto \rho_i(u)\, e^{Q_i(s, u)/\tau_i(s)}, \qquad
Q_i(s, u) = E_{u_{-i} \sim \pi_{-i}}[R_s(u, u_{-i})]$$

solved state by state (`control_solving`) at the temperatures and references of `control_temperatures`. The mode of π is
played, or a sample of it: at temperatures that certify, samples cost points that the mode keeps.

Uniqueness is not optimality. The mode is compared, on the training questions, with the best pure profile
(`control_search`); the better is kept and named, the equilibrium on a draw. A pure profile that was kept is played
whatever the read-out, so ablations of sampling or of regularisation should not compare.

Without regularisation nothing holds a policy between its corners: simultaneous best replies from a random start end in
a pure profile that depends on the start, or go round. That is the ablation.

Cost: that of solving, and of the search where there is no tensor.

Source: DICE (arXiv 2606.08068), B^α; `games` for all mathematics.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from equipoise import games
from equipoise.beliefs.ballots import Floats
from equipoise.beliefs.control_game import ControlGame
from equipoise.beliefs.control_search import Search, best_profile, independent_replies
from equipoise.beliefs.control_solving import Solved, in_clusters, whole
from equipoise.beliefs.control_temperatures import ControlSettings, references, temperatures

Kept = Literal["equilibrium", "best_reply", "enumerated", "ascent"]

_LEVEL = 1e-12
_SAMPLES = 4_000
"""Profiles drawn for what a sampled policy earns where there is no tensor."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Settled:
    """Where the executors settle in one state.

    Attributes:
        solved: the equilibrium; None without regularisation.
        policy: [player] π_i over U_i; one-hot without regularisation.
        mode: [players] the most probable controls.
        best: [players] the best pure profile found.
        search: how it was found.
        earned: reward on the training questions of "mode", "sample" and "best".
        kept: whose profile is played.
    """

    solved: Solved | None
    policy: tuple[Floats, ...]
    mode: NDArray[np.intp]
    best: NDArray[np.intp]
    search: Search
    earned: dict[str, float]
    kept: Kept

    @property
    def profile(self) -> NDArray[np.intp]:
        """[players] the controls that are played."""
        return self.best if self.kept == self.search else self.mode

    @property
    def whole(self) -> games.Equilibrium | None:
        """The equilibrium of all players; None where it was solved in clusters, or without regularisation."""
        return self.solved.equilibria[0] if self.solved and self.solved.gate is None else None

    @property
    def status(self) -> games.Status | None:
        """How the solve ended, the worst over clusters; None without regularisation."""
        ends = [equilibrium.status for equilibrium in self.solved.equilibria] if self.solved else [None]
        return next((end for end in ends if end is not games.Status.CONVERGED), ends[0])

    @property
    def residual(self) -> float | None:
        """max |π − QR(π)| over clusters; None without regularisation."""
        return max(equilibrium.residual for equilibrium in self.solved.equilibria) if self.solved else None

    @property
    def regularized_gap(self) -> float | None:
        """Largest gain of a quantal reply, in units of reward; None without regularisation."""
        return max(gap for e in self.solved.equilibria for gap in e.regularized_gap) if self.solved else None


@dataclass(frozen=True, kw_only=True, eq=False)
class ControlEquilibrium:
    """The policy of the team's controls.

    Attributes:
        game: that was solved.
        settings: of the solve.
        reference: [player] ρ_i.
        states: where the executors settle in each state.
    """

    game: ControlGame
    settings: ControlSettings
    reference: tuple[Floats, ...]
    states: tuple[Settled, ...]

    def profile(self, state: int = 0, rng: np.random.Generator | None = None) -> NDArray[np.intp]:
        """[players] the controls to play in a state.

        Args:
            state: which.
            rng: of samples, needed where the settings read out samples and the equilibrium was kept.
        """
        settled = self.states[state]
        if self.settings.readout == "mode" or settled.kept == settled.search:
            return settled.profile
        rng = np.random.default_rng(self.settings.seed) if rng is None else rng
        return np.array([rng.choice(len(policy), p=policy) for policy in settled.policy], dtype=np.intp)

    def calls(self, state: int = 0, rng: np.random.Generator | None = None) -> tuple[int | None, ...]:
        """[player] the column each player is called with, None for none; the anchor where all would abstain."""
        called = self.game.calls(self.profile(state, rng))
        return tuple(int(column) if column < len(self.game.columns) else None for column in called)

    def as_json(self) -> dict[str, Any]:
        """Everything as numbers, strings and lists, columns by name."""
        return {
            "players": [player.name for player in self.game.players],
            "controls": [[*(self.game.columns[c] for c in p.columns), "abstain"] for p in self.game.players],
            "anchor": None if self.game.anchor is None else self.game.columns[self.game.anchor],
            "price": self.game.price,
            "settings": {**vars(self.settings), "clones": _named(self.settings.clones)},
            "reference": [row.tolist() for row in self.reference],
            "states": [_as_json(settled) for settled in self.states],
        }


def solve_control(game: ControlGame, settings: ControlSettings | None = None) -> ControlEquilibrium:
    """Where the executors of a game settle, state by state.

    Args:
        game: from `control_game`.
        settings: of the equilibrium; the defaults if None.

    Raises:
        InputError: `clones` that do not fit the players.
    """
    chosen = ControlSettings() if settings is None else settings
    return settled_at(game, temperatures(game, chosen), references(game, chosen), chosen)


def settled_at(
    game: ControlGame, temperature: Floats, reference: list[Floats], settings: ControlSettings
) -> ControlEquilibrium:
    """Where the executors of a game settle at given temperatures; the schedule "certified" may raise them.

    Args:
        game: from `control_game`.
        temperature: [states, players] τ.
        reference: [player] ρ_i.
        settings: whose other switches hold.
    """
    states = tuple(_settle(game, state, temperature[state], reference, settings) for state in range(game.states))
    return ControlEquilibrium(game=game, settings=settings, reference=tuple(reference), states=states)


def _settle(
    game: ControlGame, state: int, temperature: Floats, reference: list[Floats], settings: ControlSettings
) -> Settled:
    solved = None
    if settings.schedule == "unregularised":
        start = np.random.default_rng([settings.seed, state]).integers(0, game.actions)
        mode = independent_replies(game, state, start.astype(np.intp))
        policy = tuple(np.eye(count)[action] for count, action in zip(game.actions, mode, strict=True))
    else:
        if game.games is None or settings.hierarchy:
            solved = in_clusters(game, state, temperature, reference, settings)
        else:
            solved = whole(game.games[state], temperature, reference, settings)
        mode, policy = solved.mode, solved.policy
    best, search = best_profile(game, state, known=[mode], seed=settings.seed)
    both = game.payoffs(np.array([mode, best]), game.shares[state : state + 1])[0]
    earned = {
        "mode": float(both[0]),
        "sample": _sampled(game, state, policy, settings.seed),
        "best": float(both[1]),
    }
    kept: Kept = "equilibrium" if solved else "best_reply"
    if settings.compare and earned["best"] > earned["mode"] + _LEVEL:
        kept = search
    return Settled(solved=solved, policy=policy, mode=mode, best=best, search=search, earned=earned, kept=kept)


def _sampled(game: ControlGame, state: int, policy: tuple[Floats, ...], seed: int) -> float:
    """What independent samples of a policy earn: exact with a tensor, else from `_SAMPLES` profiles."""
    if game.games is not None:
        one = game.games[state]
        regularizer = games.Regularizer.of(one.layout, 1.0)
        return float(one.values(np.concatenate(policy), regularizer)[0])
    rng = np.random.default_rng(seed)
    drawn = np.column_stack([rng.choice(len(row), size=_SAMPLES, p=row) for row in policy])
    return float(game.payoffs(drawn.astype(np.intp), game.shares[state : state + 1]).mean())


def _named(clones: Sequence[Hashable] | None) -> list[str] | None:
    return None if clones is None else [str(model) for model in clones]


def _as_json(settled: Settled) -> dict[str, Any]:
    solved = settled.solved
    return {
        "policy": [row.tolist() for row in settled.policy],
        "temperatures": None if solved is None else solved.temperatures.tolist(),
        "clusters": None if solved is None else [list(members) for members in solved.clusters],
        "gate": None if solved is None or solved.gate is None else solved.gate.tolist(),
        "status": None if settled.status is None else settled.status.name.lower(),
        "residual": settled.residual,
        "regularized_gap": settled.regularized_gap,
        "mode": settled.mode.tolist(),
        "best": settled.best.tolist(),
        "search": settled.search,
        "earned": settled.earned,
        "kept": settled.kept,
        "profile": settled.profile.tolist(),
    }
