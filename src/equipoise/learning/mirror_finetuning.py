"""The trainer of DICE-FT: a task's questions, a team and a folder in; adapters out, one per executor.

    equipoise train mirror embedded --team team.toml --out runs/mirror
    equipoise export runs/mirror --out adapters

A run's folder:

    progress.jsonl     one line an iteration
    checkpoint/        the last iteration, whole at any time
    best/, last/       adapters in PEFT format, a folder per executor: best on validation questions, and the last ones
    questions.json     which question trains, which is looked at, and which the run never touches
    result.json        what became of it
    plans.json         the Coordinator's plans, where executors see them
    tensorboard/       where that package is installed

Questions are split by a hash of their text, as `train belief` splits them. The same call goes on from the checkpoint.

Source: DICE (arXiv 2606.08068), LoRA fine-tuning (`dice.md`, section 5).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equipoise.errors import InputError, TrainingError
from equipoise.learning.json_lines import add_line, first_lines
from equipoise.learning.mirror.settings import MirrorSettings, to_json
from equipoise.team.problem import digest
from equipoise.team.team import Team
from equipoise.whole_files import replace

if TYPE_CHECKING:
    from equipoise.learning.mirror.run import MirrorRun

STATE, BEST, LAST, PROGRESS, RESULT = "checkpoint", "best", "last", "progress.jsonl", "result.json"
QUESTIONS, PLANS, BOARD = "questions.json", "plans.json", "tensorboard"
"""What lies in a run's folder."""

Progress = Callable[[int, int, str], None]
"""Told iterations so far, of how many, and what is worth knowing."""


@dataclass(frozen=True, kw_only=True)
class MirrorConfig:
    """What to train.

    Attributes:
        task: one of our tasks.
        task_args: of its function.
        team: whose executors are trained.
        skip, limit: questions of the task to leave out at the start, and most of them.
        plan: whether executors see the Coordinator's plan.
        settings: how.
    """

    task: str
    team: Team
    task_args: Mapping[str, Any] = field(default_factory=dict)
    skip: int = 0
    limit: int | None = None
    plan: bool = False
    settings: MirrorSettings = field(default_factory=MirrorSettings)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What became of a run.

    Attributes:
        iterations: that were made.
        looks: at validation questions, as in progress.jsonl; the first before any update.
        best: folder of the adapters to play.
        remarks: what is worth knowing, one sentence each.
    """

    iterations: int
    looks: tuple[Mapping[str, Any], ...]
    best: Path
    remarks: tuple[str, ...]


def train_mirror(config: MirrorConfig, out: Path, progress: Progress = lambda done, total, note: None) -> Trained:
    """What became of a run; its folder holds the adapters.

    Args:
        config: what to train.
        out: a new folder, or that of the same run, which then goes on.
        progress: see `Progress`.

    Raises:
        InputError: the run cannot be made as it stands, or `out` holds another one.
        UnknownName: no such task.
        OutOfMemory, EngineError: see there.
        TrainingError: something is not finite; the last good state stays.
        KeyboardInterrupt: stopped from outside; the same call goes on from the last iteration.
    """
    from equipoise.learning.mirror.diagnostics import Board
    from equipoise.learning.mirror.exporting import export_run

    run, remarks = _begun(config, out)
    settings, state = config.settings, out / STATE
    export_run(out, out / BEST)  # whoever was killed between a checkpoint and its export finds it made up for
    board = Board(out / BOARD, done=run.done)
    first_lines(out / PROGRESS, run.done)
    while run.done < settings.iterations:
        before = run.best
        try:
            told = asdict(run.iterate())
        except TrainingError as error:
            raise TrainingError(f"{error} Adapters: '{out / BEST}'; the run's state: '{state}'.") from None
        add_line(out / PROGRESS, told)
        board.tell(run.done, told)
        run.save(state)
        if run.best is None or run.best != before:
            export_run(out, out / BEST)
        progress(run.done, settings.iterations, _note(told))
    board.close()
    export_run(out, out / LAST, last=True)
    trained = Trained(
        iterations=run.done,
        looks=tuple(asdict(look) for look in run.looks),
        best=out / BEST,
        remarks=tuple(remark for remark in (*remarks, board.remark) if remark),
    )
    shown = asdict(trained) | {"best": BEST, "settings": to_json(settings)}
    replace(out / RESULT, (json.dumps(shown, indent=1) + "\n").encode())
    return trained


def _begun(config: MirrorConfig, out: Path) -> tuple[MirrorRun, tuple[str, ...]]:
    """The run at its start or where it was left, and what its models remark."""
    import torch

    from equipoise.learning.belief_questions import questions_of
    from equipoise.learning.belief_stages import splits
    from equipoise.learning.mirror.adapted_models import AdaptedModels
    from equipoise.learning.mirror.engine import GenerateEngine
    from equipoise.learning.mirror.joint import JointPlay
    from equipoise.learning.mirror.run import MirrorRun

    settings, team = config.settings, config.team
    if config.plan and team.coordinator is None:
        raise InputError("a plan is asked for and the team has no [coordinator]. Add one, or leave out the plan.")
    if settings.device == "cpu":
        torch.set_num_threads(1)  # small models: threads that wait for each other are slower
    asked = questions_of(config.task, config.task_args, skip=config.skip, limit=config.limit)
    texts = [item.problem.question for item in asked]
    where = splits(texts, settings.split_seed)
    models = AdaptedModels.of(
        team.executors,
        rank=settings.rank,
        alpha=settings.lora_alpha,
        device=settings.device,
        dtype=settings.dtype,
        seed=settings.seed,
        gradient_checkpointing=settings.gradient_checkpointing,
    )
    out.mkdir(parents=True, exist_ok=True)
    engine = GenerateEngine(models, rows=settings.rollout_rows)
    plans = out / PLANS if config.plan else None
    play = JointPlay(models, engine, team, asked, own=settings.own, max_tokens=settings.max_tokens, plans=plans)
    play.check_room()
    about = {
        "team": json.loads(json.dumps(team.model_dump(), default=str)),
        "task": config.task,
        "plan": config.plan,
        "questions": digest("\n".join(texts)),
    }
    chosen = {name: [int(place) for place in places] for name, places in where.items()}
    run = MirrorRun(models, engine, play, chosen, settings, about=about)
    if not run.resume(out / STATE):
        run.look()
        run.save(out / STATE)
    ids = {name: [asked[i].problem.id for i in places] for name, places in where.items()}
    replace(out / QUESTIONS, (json.dumps(ids, indent=1) + "\n").encode())
    return run, models.notes


def _note(told: Mapping[str, Any]) -> str:
    look = told["look"]
    seen = f", validation {look['team']:.2f}" if look else ""
    return f"reward {told['reward']:.2f}, team {told['team']:.2f}{seen}"
