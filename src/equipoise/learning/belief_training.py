"""The loop of an ECON trainer: play, keep, update, look at validation questions, save; stop when nothing changes.

Every `every` episodes are played at the same time with exploration that fades; then follow `steps` updates on batches
from the replay buffer. Every few updates the policy is played without exploration on validation questions, always the
same ones. The policy that earned most there is the one that is kept; the state of the run lies beside it, so that a run
that was stopped goes on and ends as if it had not been (networks, targets, optimisers, buffer, α, random states).

It stops early after `patience` looks in a row at which commitments on the same questions moved by at most .01 (1 −
cosine), the mean reward was at least .7 and the critics' loss changed by at most 1e-4 (`econ.md`, section 5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from equipoise.errors import InputError
from equipoise.games.grid_response import deviate
from equipoise.learning.belief_rewards import cosine
from equipoise.learning.belief_settings import Look, Trained, TrainingSettings
from equipoise.learning.belief_stages import Exploration, Floats, Rollouts, Source, play, shapes, splits, trajectory
from equipoise.learning.belief_updates import Learner
from equipoise.learning.belief_weights import START
from equipoise.learning.replay_buffer import ReplayBuffer
from equipoise.networks import checkpoint
from equipoise.networks.adam import adam_tensors, load_adam
from equipoise.networks.belief_team import BeliefTeam, adopt

STATE = "state"
"""Folder of a run's state, inside its own."""


Progress = Callable[[int, int, str], None]
"""Told episodes so far, of how many, and what is worth knowing."""


def train(
    source: Source,
    settings: TrainingSettings,
    out: Path,
    *,
    grown: BeliefTeam | None = None,
    progress: Progress = lambda done, total, note: None,
    keep: Callable[[BeliefTeam, Look], None] = lambda team, look: None,
) -> Trained:
    """What became of a run, whose state lies in `out`.

    Args:
        source: who plays.
        settings: of the run.
        out: its folder; a run that was begun there goes on.
        grown: networks that are taken over and frozen; only executors that it lacks are trained.
        progress: see `Progress`.
        keep: told the networks whenever they earned more than before.

    Raises:
        InputError: too few questions, or `out` holds another run or a damaged one.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return asyncio.run(_Run(source, settings, out, grown, progress, keep).run())


class _Run:
    def __init__(
        self,
        source: Source,
        settings: TrainingSettings,
        out: Path,
        grown: BeliefTeam | None,
        progress: Progress,
        keep: Callable[[BeliefTeam, Look], None],
    ) -> None:
        size = source.embedding
        network = replace(settings.network, embedding=size, observation=2 * size)
        team = BeliefTeam(source.names, network, seed=settings.seed)
        if grown is not None:
            adopt(team, grown)
        self.source, self.settings, self.out, self.progress, self.keep = source, settings, out, progress, keep
        self.learner = Learner(team, settings.updates)
        self.stages = 1 + settings.rounds
        self.buffer = ReplayBuffer(settings.buffer, 1, shapes(len(source.names), self.stages, size))
        self.rng = np.random.default_rng(settings.seed)
        self.splits = splits(source.texts, settings.split_seed)
        self.validation = self.splits["validation"][: settings.validation].tolist()
        self.looks: list[Look] = []
        self.updates = self.calm = 0
        self.losses: list[float] = []
        self.committed = np.zeros((len(self.validation), size))
        self.first = np.zeros((len(self.validation), self.stages, len(source.names), 2))

    @property
    def episodes(self) -> int:
        return self.updates * self.settings.every

    async def run(self) -> Trained:
        settings, best = self.settings, BeliefTeam(self.source.names, self.learner.team.settings)
        state = self.out / STATE
        if checkpoint.exists(state):
            self._restore(state, best)
        else:
            await self._look(best)
            self._save(state, best)
        while self.episodes < settings.episodes and self.calm < settings.patience:
            await self._episodes()
            self.updates += 1
            self.progress(self.episodes, settings.episodes, self._note())
            if self.updates % settings.look_every == 0 or self.episodes >= settings.episodes:
                await self._look(best)
                self._save(state, best)
        last = await self._validated()
        team = self.learner.team
        gaps = gap_of(team, last, self.first), gap_of(team, last, last.profiles)
        return Trained(
            team=best.eval(),
            looks=self.looks,
            gap=gaps,
            stop="converged" if self.calm >= settings.patience else "episodes",
        )

    async def _episodes(self) -> None:
        settings = self.settings
        share = min(self.episodes / max(settings.episodes, 1), 1.0)
        spread, uniform = (start + share * (end - start) for start, end in (settings.spread, settings.uniform))
        played = await play(
            self.source,
            self.learner.team,
            self.rng.choice(self.splits["train"], settings.every).tolist(),
            stages=self.stages,
            rng=self.rng,
            exploration=Exploration(spread=spread, uniform=uniform, grain=settings.grain),
            draw=self.stages * int(self.rng.integers(settings.draws)),
        )
        self.buffer.add(**{name: values[:, None] for name, values in played.arrays().items()})
        for _ in range(settings.steps):
            batch = self.buffer.sample(settings.batch, self.rng)
            self.losses.append(self.learner.update({name: values[:, 0] for name, values in batch.items()}).critic)

    async def _validated(self) -> Rollouts:
        """Validation questions without exploration; e is rounded as it is in training."""
        rounded = Exploration(grain=self.settings.grain)
        rng = np.random.default_rng(0)  # nothing is drawn from it that counts
        team = self.learner.team
        return await play(self.source, team, self.validation, stages=self.stages, rng=rng, exploration=rounded)

    async def _look(self, best: BeliefTeam) -> None:
        """One look; takes the networks over into `best` where they earned most so far."""
        played = await self._validated()
        measured = self.learner.measured(played.arrays())
        committed = played.commitments[:, -1]
        moved = float(np.mean(1 - cosine(committed, self.committed))) if self.looks else None
        loss = float(np.mean(self.losses)) if self.losses else None
        look = Look(
            episodes=self.episodes,
            td=measured[0],
            td_total=measured[1],
            gap=gap_of(self.learner.team, played, played.profiles),
            reward=float((played.parts @ np.array(START)).mean()),
            right=float(played.right[:, -1].mean()),
            loss=loss,
            moved=moved,
            alpha=self.learner.alpha.tolist(),
            profile=played.profiles.mean(axis=0).tolist(),
        )
        if not self.looks:
            self.first = played.profiles
        calm = (
            moved is not None
            and moved <= self.settings.commitment_change
            and look.reward >= self.settings.least_reward
            and loss is not None
            and self.looks[-1].loss is not None
            and abs(loss - self.looks[-1].loss) <= self.settings.loss_change
        )
        self.calm = self.calm + 1 if calm else 0
        if not self.looks or look.reward > max(earlier.reward for earlier in self.looks):
            best.load_state_dict(self.learner.team.state_dict())
            self.keep(best.eval(), look)
        self.looks.append(look)
        self.committed, self.losses = committed, []

    def _note(self) -> str:
        look = self.looks[-1]
        return f"reward {look.reward:.2f}, right {look.right:.2f}, gap {look.gap:.3f}, TD {look.td:.3f}"

    def _config(self) -> dict[str, Any]:
        """What makes two runs the same; more episodes make a longer one of it."""
        described = asdict(replace(self.settings, episodes=0))
        return {"settings": described, "executors": list(self.source.names), "questions": len(self.source.texts)}

    def _save(self, folder: Path, best: BeliefTeam) -> None:
        learner = self.learner
        tensors = {f"buffer-{name}": torch.as_tensor(values) for name, values in self.buffer.state().items()}
        tensors |= {f"critics-{name}": value for name, value in adam_tensors(learner.critics).items()}
        tensors |= {f"policy-{name}": value for name, value in adam_tensors(learner.policy).items()}
        tensors |= {"alpha": torch.as_tensor(learner.alpha), "torch": torch.get_rng_state()}
        tensors |= {"committed": torch.as_tensor(self.committed), "first": torch.as_tensor(self.first)}
        config = self._config() | {
            "looks": [asdict(look) for look in self.looks],
            "updates": self.updates,
            "calm": self.calm,
            "random": self.rng.bit_generator.state,
        }
        modules = {"team": learner.team, "target": learner.target, "best": best}
        checkpoint.save(folder, modules, config=config, tensors=tensors)

    def _restore(self, folder: Path, best: BeliefTeam) -> None:
        config = checkpoint.read_config(folder)
        mine = _plain(self._config())
        if other := [key for key in mine if config.get(key) != mine[key]]:
            raise InputError(f"'{folder}' holds a run with other {', '.join(other)}. Give another folder with --out.")
        learner = self.learner
        found = checkpoint.load(folder, {"team": learner.team, "target": learner.target, "best": best})
        self.buffer.restore({n.removeprefix("buffer-"): t.numpy() for n, t in found.items() if n.startswith("buffer-")})
        load_adam(learner.critics, {n[8:]: t for n, t in found.items() if n.startswith("critics-")})
        load_adam(learner.policy, {n[7:]: t for n, t in found.items() if n.startswith("policy-")})
        learner.alpha = found["alpha"].numpy().copy()
        torch.set_rng_state(found["torch"])
        self.committed, self.first = found["committed"].numpy().copy(), found["first"].numpy().copy()
        self.looks = [Look(**look) for look in config["looks"]]
        self.updates, self.calm = config["updates"], config["calm"]
        self.rng.bit_generator.state = config["random"]


def gap_of(team: BeliefTeam, played: Rollouts, profiles: Floats) -> float:
    """The mean best-response gap of some profiles at the beliefs of some rollouts, over all stages."""
    gaps = []
    team.eval()
    for s in range(played.profiles.shape[1]):
        with torch.no_grad():
            observation = torch.as_tensor(played.observation, dtype=torch.float32)
            beliefs = team.believe(trajectory(played.answers, played.commitments, s), observation)
        gaps.append(deviate(team.payoff(beliefs), profiles[:, s], team.box).gap)
    return float(np.mean(gaps))


def _plain(value: Any) -> Any:
    """As it comes back from JSON: tuples are lists."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
