"""One iteration of bandit learning after the other: rollouts, gradient steps, and what they tell. See `bandit`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from equipoise.beliefs.ballots import Floats
from equipoise.learning import bandit_checkpoint
from equipoise.learning import bandit_diagnostics as diagnostics
from equipoise.learning.bandit_diagnostics import Iteration
from equipoise.learning.bandit_losses import regression, taken, team_values
from equipoise.learning.replay_buffer import ReplayBuffer
from equipoise.learning.rollouts import RolloutSource
from equipoise.networks.target import frozen_copy, soft_update
from equipoise.policies.bandit_policy import BanditPolicy
from equipoise.policies.bandit_settings import BanditSettings, to_json
from equipoise.policies.bandit_temperatures import log_references, temperatures_of
from equipoise.policies.control_team import ControlTeam, draw
from equipoise.policies.control_values import ControlValues
from equipoise.policies.observations import observer, unseen
from equipoise.team.problem import digest

Margin = Callable[[Floats, Floats], float | None]
"""The margin at some policies [states, players, controls] and temperatures [players]; None where it is unknown."""

PROBES = 32
"""Fixed states, at most, at which policies are compared over time."""

_GOES_ON = ("iterations", "fewest", "regret", "checkpoint_every")
"""Settings that may change when a run goes on."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rollouts:
    """M rollouts of H rounds: what the buffer keeps, [M, H, …], and what only this iteration looks at."""

    kept: dict[str, NDArray[Any]]
    policy: NDArray[np.float32]
    right: Floats
    cost: Floats


class BanditRun:
    """A learner between two iterations."""

    def __init__(self, source: RolloutSource, settings: BanditSettings, margin: Margin | None) -> None:
        self._source, self._settings, self._margin = source, settings, margin
        self._team = team = team_of(source, settings)
        self._online = ControlValues(team.observer.size, team.controls, settings)
        self._lagged = frozen_copy(self._online)
        self._optimiser = torch.optim.Adam(self._online.parameters(), lr=settings.rate, betas=settings.betas)
        rounds, players, most = settings.rounds, len(team.players), max(team.controls)
        self._buffer = ReplayBuffer(
            settings.capacity,
            settings.group,
            {
                "history": ((rounds, team.observer.size), np.float32),
                "actions": ((rounds, players), np.int64),
                "free": ((rounds, players, most), np.bool_),
                "heat": ((rounds, players), np.float32),
                "reward": ((rounds,), np.float32),
            },
        )
        self._rng = np.random.default_rng(settings.seed)
        self._calls = self._done = 0
        texts = source.texts[:PROBES]
        self._probes = np.unique(team.observer.tokens(unseen(source.columns, texts), 0), axis=0)[:, None]
        self._recent: list[NDArray[np.float32]] = []

    def policy(self, told: dict[str, Any]) -> BanditPolicy:
        """The policy as it would be played next."""
        values = frozen_copy(self._lagged)
        soft_update(values, self._online, rate=self._damping)
        learned_from = frozenset(digest(str(text)) for text in self._source.texts)
        return BanditPolicy(team=self._team, values=values, learned_from=learned_from, told=told)

    async def iterate(self) -> Iteration:
        """One iteration: rollouts, gradient steps, numbers."""
        rollouts = await self._collect()
        self._done += 1
        group = (-1, self._settings.group)
        self._buffer.add(**{name: values.reshape(*group, *values.shape[1:]) for name, values in rollouts.kept.items()})
        soft_update(self._lagged, self._online, rate=self._damping)  # now it answers as was played
        steps = [self._step() for _ in range(self._settings.updates)]
        loss, regret = (float(np.mean(numbers)) for numbers in zip(*steps, strict=True))
        return self._told(rollouts, loss, regret)

    def save(self, folder: Path) -> None:
        """Writes the checkpoint."""
        told = {**self._same(), "iteration": self._done, "calls": self._calls}
        modules = {"online": self._online, "lagged": self._lagged}
        held = (modules, self._optimiser, self._buffer, self._rng)
        bandit_checkpoint.save(folder / "checkpoint", *held, recent=self._recent, told=told)

    def resume(self, folder: Path | None) -> list[Iteration]:
        """The iterations done before, after the state was put back."""
        if folder is None:
            return []
        folder.mkdir(parents=True, exist_ok=True)
        before = bandit_checkpoint.begun(folder / "checkpoint", self._same())
        if before is not None:
            modules = {"online": self._online, "lagged": self._lagged}
            held = (modules, self._optimiser, self._buffer, self._rng)
            self._recent = bandit_checkpoint.restore(folder / "checkpoint", *held)
            self._calls, self._done = before["calls"], before["iteration"]
        return diagnostics.told_until(folder / "progress.jsonl", self._done)

    @property
    def _damping(self) -> float:
        return self._settings.control.damping

    def _same(self) -> dict[str, Any]:
        """What a run must have in common with the one that it goes on with."""
        settings = {name: value for name, value in to_json(self._settings).items() if name not in _GOES_ON}
        questions = digest("\n".join(str(text) for text in self._source.texts))
        return json.loads(json.dumps({"settings": settings, "columns": self._team.columns, "questions": questions}))

    def _policy(self, history: Tensor, heat: Tensor, free: Tensor, round: int, *, explore: bool = False) -> Tensor:
        """π at some states: the damped logit response. Without regularisation nothing is damped."""
        with torch.no_grad():
            bids, _ = self._online(history)
            if self._settings.regularised:
                bids = torch.lerp(self._lagged(history)[0], bids, self._damping)
            return self._team.policy(bids, heat, free, round, explore=explore)

    async def _collect(self) -> _Rollouts:
        settings, team, texts = self._settings, self._team, self._source.texts
        few = settings.questions > len(texts)
        chosen = self._rng.choice(len(texts), size=settings.questions, replace=few)
        questions = np.repeat(chosen, settings.group)
        seeds = self._rng.integers(0, 1 << 31, size=len(questions))
        seen = unseen(team.columns, texts[questions])
        tokens: list[NDArray[np.float32]] = []
        rounds: list[dict[str, NDArray[Any]]] = []
        policies: list[NDArray[np.float32]] = []
        for round in range(settings.rounds):
            tokens.append(team.observer.tokens(seen, round))
            free, heat = team.free(seen, round), team.temperatures.of(seen)
            history = torch.from_numpy(np.stack(tokens, axis=1))
            states = (history, torch.from_numpy(heat), torch.from_numpy(free))
            policies.append(self._policy(*states, round, explore=True).numpy())
            actions = draw(policies[-1], self._rng.random(policies[-1].shape[:2]))
            wanted = team.asks(actions, round) & ~seen.asked
            spent = seen.cost.sum(axis=1)
            seen = await self._source.ask(questions, seen, wanted, seeds)
            reward = -settings.price * (seen.cost.sum(axis=1) - spent)
            rounds.append({"actions": actions, "free": free, "heat": heat, "reward": reward})
        right = self._source.right(questions, seen)
        rounds[-1]["reward"] = rounds[-1]["reward"] + right
        self._calls += int(seen.asked.sum())
        kept = {name: np.stack([each[name] for each in rounds], axis=1) for name in rounds[0]}
        kept["history"] = np.stack(tokens, axis=1)
        return _Rollouts(kept=kept, policy=np.stack(policies, axis=1), right=right, cost=seen.cost.sum(axis=1))

    def _step(self) -> tuple[float, float]:
        """The loss and the regret of one gradient step."""
        settings = self._settings
        drawn = self._buffer.sample(max(settings.batch // settings.group, 1), self._rng)
        batch = {name: torch.from_numpy(values) for name, values in drawn.items()}
        shape, flat = batch["reward"].shape[:2], {name: values.flatten(0, 1) for name, values in batch.items()}
        loss, regrets = torch.zeros(()), []
        for round in range(settings.rounds):
            bids, constant = self._online(flat["history"][:, : round + 1])
            chosen = taken(bids, flat["actions"][:, round])
            predicted = team_values(self._mixed, chosen, constant).unflatten(0, shape)
            observed = self._target(flat, round).unflatten(0, shape)
            loss = loss + regression(predicted, observed, baseline=settings.baseline, level=settings.level)
            best = bids.detach().masked_fill(~flat["free"][:, round], -torch.inf).amax(-1)
            regrets.append(float((best - chosen.detach()).mean()))
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        return float(loss.detach()), float(np.mean(regrets))

    @property
    def _mixed(self) -> bool:
        return self._settings.mixer != "none"

    def _target(self, flat: dict[str, Tensor], round: int) -> Tensor:
        """[M, 1 or N] what the values of a round are regressed on."""
        reward, after = flat["reward"], round + 1
        if after == self._settings.rounds or self._settings.target == "return":
            return reward[:, round:].sum(-1)[:, None]
        with torch.no_grad():
            bids, constant = self._lagged(flat["history"][:, : after + 1])
            worth = self._team.worth(bids, flat["heat"][:, after], flat["free"][:, after])
            return reward[:, round, None] + team_values(self._mixed, worth, constant)

    def _told(self, rollouts: _Rollouts, loss: float, regret: float) -> Iteration:
        kept, now = rollouts.kept, []
        for round in range(self._settings.rounds):
            history, heat = torch.from_numpy(kept["history"][:, : round + 1]), torch.from_numpy(kept["heat"][:, round])
            now.append(
                self._policy(history, heat, torch.from_numpy(kept["free"][:, round]), round, explore=True).numpy()
            )
        policy = np.stack(now, axis=1)
        probed = self._probed()
        self._recent = [*self._recent, probed][-diagnostics.WINDOW :]
        margin = self._margin(probed.astype(np.float64), self._team.temperatures.first) if self._margin else None
        return Iteration(
            iteration=self._done,
            reward=float(kept["reward"].sum(axis=1).mean()),
            right=float(rollouts.right.mean()),
            cost=float(rollouts.cost.mean()),
            calls=self._calls,
            regret=regret,
            loss=loss,
            entropy=diagnostics.mean_entropy(policy, kept["free"]),
            divergence=diagnostics.mean_divergence(policy, rollouts.policy, kept["free"]),
            oscillation=diagnostics.overshooting(self._recent),
            temperature=float(kept["heat"].mean()),
            margin=margin,
        )

    def _probed(self) -> NDArray[np.float32]:
        """[probes, N, most controls] the policy of the first round at the fixed states."""
        count = len(self._probes)
        seen = unseen(self._team.columns, np.full(count, "", dtype=object))
        heat, free = torch.from_numpy(self._team.temperatures.of(seen)), torch.from_numpy(self._team.free(seen, 0))
        return self._policy(torch.from_numpy(self._probes), heat, free, 0).numpy()


def team_of(source: RolloutSource, settings: BanditSettings) -> ControlTeam:
    """The team that a source's questions are put to."""
    control = settings.control
    reads = source.text_tells if settings.text is None else settings.text
    return ControlTeam(
        columns=source.columns,
        players=source.players,
        anchor=source.anchor,
        abstain=source.abstain,
        voter=source.voter,
        observer=observer(source.voter.weights, source.texts if reads else None),
        temperatures=temperatures_of(source.game, source.players, control),
        log_reference=log_references(source.game, source.players, control),
        settings=settings,
    )
