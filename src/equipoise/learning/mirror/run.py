r"""Mirror fine-tuning between two iterations: adapters, critics, optimisers and chance, and how they go on.

    questions  →  joint rollouts under π_old  →  the reference's entropies, so temperatures and the context z
               →  per executor: advantages and one update (`update`)  →  critics learn  →  proof and numbers

All executors' rollouts are drawn before anybody is updated, so that everybody learns against the team that played.
Whatever chance decides follows (seed, iteration, executor), and the order of questions a generator that the checkpoint
holds: a run that was stopped anywhere goes on from its last iteration and ends bit for bit as if it had not been.

Cost: N · questions · G responses; per executor `epochs` forward–backward passes over them, one forward pass of the
reference, and the probe.

Source: DICE (arXiv 2606.08068), LoRA fine-tuning (`dice.md`, section 5).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from equipoise.errors import InputError, TrainingError
from equipoise.learning.mirror import answer_game, diagnostics, learners, telling
from equipoise.learning.mirror.adapted_models import AdaptedModels
from equipoise.learning.mirror.answer_game import AnswerGame
from equipoise.learning.mirror.appraisal import Appraisal
from equipoise.learning.mirror.critics import CriticLearner, Lesson
from equipoise.learning.mirror.diagnostics import Cost, Iteration, Look
from equipoise.learning.mirror.engine import RolloutEngine
from equipoise.learning.mirror.exporting import BEST
from equipoise.learning.mirror.joint import JointPlay, JointRollouts
from equipoise.learning.mirror.objective import group_advantage, token_targets
from equipoise.learning.mirror.out_of_memory import memory_told
from equipoise.learning.mirror.settings import GOES_ON, MirrorSettings, to_json
from equipoise.learning.mirror.update import Experience, Update, update
from equipoise.networks import checkpoint
from equipoise.networks.adam import adam_tensors, load_adam

VALIDATION_SEED = 1_000_003
"""Of the looks, always the same: differences between looks are those of the adapters."""


@dataclass(frozen=True)
class _Done:
    """One executor's update and what it was made of."""

    reference: learners.Reference
    appraisal: Appraisal
    known: Experience
    target: Tensor
    update: Update


class MirrorRun:
    """A trainer between two iterations.

    Args:
        models: of the executors.
        engine: of the rollouts.
        play: questions and prompts.
        where: places of the questions that train and of those that are looked at.
        settings: how.
        about: what else a run must have in common to go on, JSON.
    """

    def __init__(
        self,
        models: AdaptedModels,
        engine: RolloutEngine,
        play: JointPlay,
        where: Mapping[str, Sequence[int]],
        settings: MirrorSettings,
        *,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.models, self.play, self.settings = models, play, settings
        self.looks: list[Look] = []
        self.done = 0
        self._best: dict[str, Tensor] = {}
        self._engine, self._about = engine, dict(about or {})
        self._train = list(where["train"])
        # A task may list its questions family by family: the first ones would be one family's.
        mixed = np.random.default_rng(settings.split_seed).permutation(np.asarray(where["validation"]))
        self._validation = mixed[: settings.validation].tolist()
        self._rng = np.random.default_rng(settings.seed)
        self._actors = [
            torch.optim.AdamW(models.parameters(i), lr=settings.lr, weight_decay=settings.weight_decay)
            for i in range(len(models.names))
        ]
        self._learner = (
            None
            if settings.critics == "none"
            else CriticLearner(learners.critics(models, settings, longest=max(play.limits)), settings)
        )

    @property
    def best(self) -> Look | None:
        """The look at which the team was right most often, the first of equals; None without validation."""
        return max(self.looks, key=lambda look: look.team, default=None)

    def look(self) -> Look | None:
        """What the validation questions say of the adapters of now; None without them."""
        if not self._validation:
            return None
        group = self.settings.validation_samples
        joint = self.play.play(self._validation, group=group, seed=VALIDATION_SEED, as_played=True)
        shares = joint.vote_right.double().reshape(-1, group).mean(1)  # a question's rollouts lie together
        found = Look(
            iteration=self.done,
            team=float(shares.mean()),
            executors=tuple(joint.own_right.double().mean(0).tolist()),
            shares=tuple(shares.tolist()),
        )
        if self.best is None or found.team > self.best.team:
            self._best = self.models.tensors()
        self.looks.append(found)
        return found

    def iterate(self) -> Iteration:
        """One iteration.

        Raises:
            TrainingError: something is not finite; the adapters are those of before.
            EngineError, OutOfMemory: see there.
        """
        began = perf_counter()
        before = self.models.tensors()
        settings, number = self.settings, self.done + 1
        questions = self._rng.choice(self._train, min(settings.prompts, len(self._train)), replace=False).tolist()
        raised = settings.raise_variance if settings.raise_group else None
        joint = self.play.play(questions, group=settings.group, seed=self._seed(number, 0), raise_variance=raised)
        played = perf_counter()
        try:
            games = answer_game.games_of(self.play, questions, joint, settings.own)
            done = self._updated(joint, games, number)
            trained = perf_counter()
            loss = self._learned(done, joint, number)
        except BaseException:
            self.models.restore_tensors(before)
            raise
        learned = perf_counter()
        proofs = [self._engine.prove(i, each, settings.proof_tolerance) for i, each in enumerate(joint.rollouts)]
        self.done = number
        look = self.look() if number % settings.look_every == 0 or number == settings.iterations else None
        scored = sum(each.update.tokens for each in done)
        times = played - began, trained - played, learned - trained, perf_counter() - began
        return self._record(games, joint, done, proofs, loss, look, telling.cost(joint.generated, scored, *times))

    def _record(
        self,
        games: list[AnswerGame],
        joint: JointRollouts,
        done: Sequence[_Done],
        proofs: Sequence[float],
        loss: float | None,
        look: Look | None,
        cost: Cost,
    ) -> Iteration:
        settings, number = self.settings, self.done
        executors = tuple(
            telling.steps(self.models, i, joint, each.update, each.known, misfit=self._misfit(each), proof=proofs[i])
            for i, each in enumerate(done)
        )
        return Iteration(
            iteration=number,
            rollouts=len(joint.keys),
            reward=float(joint.returns.mean()),
            team=float(joint.vote_right.float().mean()),
            group_spread=telling.spread(joint),
            regret=answer_game.regret(games),
            margin=telling.margin(games, joint, [each.known for each in done], seed=self._seed(number, 1)),
            critic_loss=loss,
            executors=executors,
            cost=cost,
            alarms=diagnostics.alarms(executors, settings),
            look=look,
        )

    def save(self, folder: Path) -> None:
        """Writes the checkpoint, replacing the one before."""
        tensors = self.models.tensors()
        if self.best and self.best.iteration < self.done:
            tensors |= {f"{BEST}{name}": value for name, value in self._best.items()}
        for i, actor in enumerate(self._actors):
            tensors |= {f"actor-{i}-{name}": value for name, value in adam_tensors(actor).items()}
        modules: dict[str, nn.Module] = {}
        if self._learner:
            modules["critics"] = self._learner.critics
            tensors |= {f"critics-{name}": value for name, value in adam_tensors(self._learner.optimiser).items()}
        told = {
            "iteration": self.done,
            "looks": [asdict(look) for look in self.looks],
            "adapters": [self.models.described(i) for i in range(len(self._actors))],
            "cards": {
                "best": self._card(self.best.iteration if self.best else self.done),
                "last": self._card(self.done),
            },
        }
        config = self._same() | told | {"random": self._rng.bit_generator.state}
        checkpoint.save(folder, modules, config=config, tensors=tensors)

    def resume(self, folder: Path) -> bool:
        """Whether there was a checkpoint, which the run then goes on from.

        Raises:
            InputError: it is damaged, or of a run with other settings, questions or team.
        """
        if not checkpoint.exists(folder):
            return False
        config = checkpoint.read_config(folder)
        if other := _differing(config, json.loads(json.dumps(self._same()))):
            told = f"'{folder.parent}' holds a run that differs in {', '.join(other)}."
            raise InputError(f"{told} Repeat its settings to go on, or give another folder.")
        found = checkpoint.load(folder, {"critics": self._learner.critics} if self._learner else {})
        self.models.restore_tensors(found)
        self._best = _under(found, BEST) or self.models.tensors()
        for i, actor in enumerate(self._actors):
            load_adam(actor, _under(found, f"actor-{i}-"))
        if self._learner:
            load_adam(self._learner.optimiser, _under(found, "critics-"))
        self._rng.bit_generator.state = config["random"]
        self.done = config["iteration"]
        self.looks = [Look.of(look) for look in config["looks"]]
        return True

    def _updated(self, joint: JointRollouts, games: Sequence[AnswerGame], number: int) -> list[_Done]:
        """Everybody's update, after which adapters have moved and critics have not."""
        settings, rollouts = self.settings, joint.rollouts
        most = settings.batch_tokens
        references = [learners.referenced(self.models, i, held, most) for i, held in enumerate(rollouts)]
        critics = self._learner.critics if self._learner else None
        with torch.no_grad():
            context = critics.context([each.prompts for each in references]) if critics else None
        done = []
        for i, (held, reference) in enumerate(zip(rollouts, references, strict=True)):
            rewards = joint.rewards[:, i]
            compared = learners.compared(joint, games, i, settings.group_return)
            group = group_advantage(compared, joint.groups, floor=settings.group_floor).to(reference.log_ref)
            target = token_targets(rewards.to(reference.log_ref), held.mask, kind=settings.target)
            appraisal = Appraisal(i, held, group, target, critics, context, settings)
            seed = self._seed(number, 2 + i)
            known = learners.experience(held, reference, appraisal, settings, seed=seed)
            with self.models.training(i) as model, self._told(i, len(held.texts)):
                actor = learners.Actor(model, self.models.parameters(i), held, critics is not None)
                updated = update(actor, self._actors[i], known, settings, seed=seed)
            done.append(_Done(reference, appraisal, known, target, updated))
        return done

    def _learned(self, done: Sequence[_Done], joint: JointRollouts, number: int) -> float | None:
        """The critics' loss, after they learned from what was appraised; None where there is nothing to learn."""
        if self._learner is None or not all(each.known.known for each in done):
            return None
        lesson = Lesson(
            seen=[each.appraisal.seen for each in done],
            targets=[each.target for each in done],
            learned=[each.known.batch.mask for each in done],
            prompts=[each.reference.prompts for each in done],
            returns=joint.returns.to(self.models.device),
        )
        return self._learner.fit(lesson, seed=self._seed(number, 1))

    def _misfit(self, done: _Done) -> float | None:
        if self._learner is None or self.settings.critics == "value":
            return None  # nobody learned Q
        return diagnostics.misfit(done.appraisal.q, done.target, done.known.batch.mask)

    @contextmanager
    def _told(self, i: int, rows: int) -> Iterator[None]:
        """A block whose errors name the executor."""
        name = self.models.names[i]
        try:
            with memory_told(f"the update of '{name}' on {rows} rows", lower=learners.LOWER):
                yield
        except TrainingError as error:
            raise TrainingError(f"'{name}': {error} The last good state is that of iteration {self.done}.") from None

    def _card(self, iteration: int) -> dict[str, Any]:
        """What the card says of the adapters of an iteration."""
        numbers: dict[str, Any] = {"iterations": iteration, "seed": self.settings.seed, "rate": self.settings.lr}
        if look := next((each for each in self.looks if each.iteration == iteration), None):
            numbers["votes right on validation questions, before training"] = self.looks[0].team
            numbers["votes right on validation questions, with these adapters"] = look.team
        return {"task": self._about.get("task", "an unnamed task"), "numbers": numbers}

    def _same(self) -> dict[str, Any]:
        """What a run must have in common with the one that it goes on with."""
        settings = {name: value for name, value in to_json(self.settings).items() if name not in GOES_ON}
        return {"settings": settings, "executors": list(self.models.names)} | self._about

    def _seed(self, *place: int) -> int:
        return int(np.random.SeedSequence([self.settings.seed, *place]).generate_state(1)[0])


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Names of what differs; settings by their own names."""
    held, wanted = ({**told, **told.get("settings", {})} for told in (before, now))
    return [name for name, value in wanted.items() if name != "settings" and held.get(name) != value]
