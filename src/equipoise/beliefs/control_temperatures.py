r"""How random each executor's control should be, and what it is pulled to: τ_i(s) and ρ_i.

    homogeneous    τ_i(s) = τ
    entropy        τ_i(s) = τ_hot where executor i is of two minds in state s, τ_cold elsewhere: mean over questions
                   of H(answers of i's columns)/log |columns of i| ≥ threshold. The paper's two levels, .1 and .01,
                   stand for rewards in [0, 1] and are kept; its 1.5 nats of a token distribution become a share of the
                   most entropy that answers can have. An executor with one column is never of two minds.
    certified      homogeneous, then damp–certify–heat along measured directions, then raised until a certificate proves
                   the equilibrium unique
    unregularised  no temperature: independent best replies

κ multiplies all of them. In units of reward; .01–.03 is the practical range, and no gain was found from temperatures
that differ by state: they are there for fidelity.

Clones, executors on one model, have a symmetric equilibrium in which all use the same prompt and outvote nobody. The
m-th clone's reference is tilted towards the m-th best of its controls,

$$\rho_i(u) \propto e^{t\,[u = u^{(m)}]}$$

Cost: `certified` takes about one solve, some tens of evaluations of Q and all certificates a round, ten rounds at most.

Source: DICE (arXiv 2606.08068), temperature schedule; damp, certify, heat: `games.damp_certify_heat`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import entropy

from equipoise import games
from equipoise.beliefs.ballots import Floats
from equipoise.beliefs.control_game import ControlGame
from equipoise.errors import InputError
from equipoise.games.damp_certify_heat import Action, Setting
from equipoise.games.diagnostics import modulus, oscillation
from equipoise.games.response import softmax

Schedule = Literal["homogeneous", "entropy", "certified", "unregularised"]

_ROUNDS = 10
_DIRECTIONS = 6
_STEPS = 40
_ABOVE = 1.01
"""How far above the least certified temperature a schedule goes, so that the proof does not hang on rounding."""


@dataclass(frozen=True, kw_only=True)
class ControlSettings:
    """The switches of the equilibrium layer.

    Attributes:
        schedule: of the temperatures; see the module.
        temperature: τ of `homogeneous`, and where `certified` starts, in units of reward.
        hot: τ of `entropy` where an executor is of two minds.
        cold: τ of `entropy` elsewhere.
        threshold: share of the largest entropy from which it is of two minds.
        multiplier: κ.
        damping: α of every update, in (0, 1]; above .3 simultaneous updates may oscillate.
        tilt: t, logits by which a clone's reference favours a control of its own; 0 for uniform references.
        clones: per player, which model it runs on; players of equal entries are clones. None: players are clones if
            they have the same columns, more than one.
        readout: whether the mode of the equilibrium is played, or a sample of it.
        compare: whether the best pure profile found replaces a worse mode.
        hierarchy: whether clusters of players are solved as local games: True, False, or None for where there is no
            tensor.
        gate_temperature: τ_g of the gate over clusters.
        seed: of random starts and samples.
    """

    schedule: Schedule = "homogeneous"
    temperature: float = 0.02
    hot: float = 0.1
    cold: float = 0.01
    threshold: float = 0.5
    multiplier: float = 1.0
    damping: float = 0.3
    tilt: float = 0.75
    clones: Sequence[Hashable] | None = None
    readout: Literal["mode", "sample"] = "mode"
    compare: bool = True
    hierarchy: bool | None = None
    gate_temperature: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("temperature", "hot", "cold", "multiplier", "gate_temperature"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise InputError(f"{name} is {getattr(self, name)}; it must be a number above 0.")
        if not 0.0 < self.damping <= 1.0:
            raise InputError(f"damping is {self.damping}; it must lie in (0, 1].")
        if not 0.0 <= self.tilt < np.inf:
            raise InputError(f"tilt is {self.tilt}; it must be at least 0.")


def temperatures(game: ControlGame, settings: ControlSettings) -> Floats:
    """[states, players] τ before certification, κ included; `certified` raises them game by game."""
    shape = (game.states, len(game.players))
    if settings.schedule != "entropy":
        return np.full(shape, settings.temperature * settings.multiplier)
    minds = np.column_stack([_two_minds(game, player.columns) for player in game.players])
    return settings.multiplier * np.where(minds >= settings.threshold, settings.hot, settings.cold)


def references(game: ControlGame, settings: ControlSettings) -> list[Floats]:
    """[player] ρ_i, summing to 1 over U_i: uniform, or tilted to different controls for clones.

    Raises:
        InputError: not one entry of `clones` per player.
    """
    if settings.clones is None:
        # Without being told, players of the same several controls are taken for one model.
        models: list[Hashable] = [
            player.columns if len(player.columns) > 1 else index for index, player in enumerate(game.players)
        ]
    else:
        models = list(settings.clones)
    if len(models) != len(game.players):
        raise InputError(f"clones has {len(models)} entries; there are {len(game.players)} players, one for each.")
    worth = game.alone.T @ game.state_weight
    found = []
    for index, player in enumerate(game.players):
        logits = np.zeros(len(player.columns) + 1)
        if models.count(models[index]) > 1 and len(player.columns) > 1:
            rank = models[:index].count(models[index]) % len(player.columns)
            logits[np.argsort(-worth[list(player.columns)], kind="stable")[rank]] = settings.tilt
        found.append(softmax(logits, games.Layout(((len(logits),),), nested=False)))
    return found


def certified(
    game: games.CommonPayoff, start: Floats, reference: Sequence[Floats], settings: ControlSettings
) -> tuple[Floats, float]:
    """[players] temperatures at which the equilibrium is proved unique, and the damping that does not oscillate.

    Args:
        game: of one state.
        start: [players] temperatures to start from; none is lowered.
        reference: [player] ρ_i.
        settings: damping and seed are used.
    """
    rng = np.random.default_rng(settings.seed)
    controller = games.DampCertifyHeat()
    setting = Setting(settings.damping, np.asarray(start, dtype=np.float64), 0)
    best = np.zeros(game.layout.size)
    best[game.layout.offsets[:-1] + np.unravel_index(game.payoff.argmax(), game.payoff.shape)] = 1.0
    for _ in range(_ROUNDS):
        found = games.solve(game, setting.temperature, reference=reference)
        logits, policy = found.logits, found.policy
        # Towards the best profile, where a second equilibrium would be, and towards anywhere.
        ends = [0.99 * best + 0.01 * policy]
        ends += [softmax(rng.normal(scale=3.0, size=len(policy)), game.layout) for _ in range(_DIRECTIONS)]
        moduli = [modulus.exact(found.problem, policy, end) for end in ends]
        course = rng.normal(size=len(logits))
        swing = oscillation.exact(found.problem, course, damping=setting.step, steps=_STEPS)
        decision = controller.decide(setting, games.Estimate(swing, 0.0, 0), moduli)
        setting = decision.setting
        if decision.action is Action.SETTLED:
            break
    proof = games.certify(game, setting.temperature, reference=reference)
    heat = 1.0 if proof.certified or proof.factor is None else max(1.0, _ABOVE * proof.factor)
    return heat * setting.temperature, setting.step


def _two_minds(game: ControlGame, columns: Sequence[int]) -> NDArray[np.float64]:
    """[states] mean normalised entropy of the answers of some columns, in [0, 1]; 0 for one column."""
    if len(columns) < 2:
        return np.zeros(game.states)
    given = (game.votes[:, :, list(columns)] > 0.0).sum(axis=2).astype(np.float64)
    given[given.sum(axis=1) == 0.0] = np.eye(1, given.shape[1])  # no answer at all is one mind
    each = np.asarray(entropy(given, axis=1)) / np.log(len(columns))
    return game.shares @ each[game.pattern]
