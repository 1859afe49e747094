"""The trainer of ECON: a task's questions, a team and a folder in; a policy out, played by the method `econ`.

    equipoise train belief gsm8k --limit 400 --team team.toml --out runs/econ
    equipoise eval gsm8k --skip 400 --team team.toml --methods "econ(policy='runs/econ/policy'),debate"

Questions are split into train, validation and test by a hash of their text. Training asks the first, chooses by the
second and never touches the third; `questions.json` says which is which, and the policy refuses to play the first two.

Cost: (1 + K) N calls an episode, the strategy of each question once, and (1 + K) N more for every validation question
at each look; answers already given to the same question at the same e are read from `answers.jsonl`. Commitments by the
Coordinator add up to a call a stage, and in teams of more than four a call of each local Coordinator, as in play.

A team that gains executors: `grow_from` names the policy of the team before. The networks of known executors, the group
encoder and the mixer are taken over and stay bit for bit as they are; only the new executors' networks learn.

Source: ECON (arXiv 2506.08292), training (`econ.md`, sections 4 to 6).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from equipoise.errors import InputError
from equipoise.learning.belief_live import LiveTeam
from equipoise.learning.belief_questions import questions_of
from equipoise.learning.belief_settings import Look, Trained, TrainingSettings
from equipoise.learning.belief_stages import splits
from equipoise.learning.belief_training import Progress, train
from equipoise.methods._econ_acts import Rule
from equipoise.networks.belief_policy import BeliefPolicy, load_policy, save_policy
from equipoise.networks.belief_team import BeliefTeam
from equipoise.networks.text_embedding import DEFAULT, TextEmbedder
from equipoise.team.problem import digest
from equipoise.team.team import Team

POLICY, ANSWERS, QUESTIONS, RESULT = "policy", "answers.jsonl", "questions.json", "result.json"
"""What lies in a run's folder, beside its state."""


@dataclass(frozen=True, kw_only=True)
class BeliefConfig:
    """What to train.

    Attributes:
        task: one of our tasks.
        task_args: of its function.
        team: who plays.
        skip, limit: questions of the task to leave out at the start, and most of them.
        embedder: the model that embeds texts; see `networks.text_embedding`.
        commitment: how commitments are made; "coordinator" costs a call a stage.
        coordinator: whether a strategy is written.
        seed: of the models' answers; that of the training is in its settings.
        grow_from: a policy folder whose networks are taken over.
        answers: the file of answers; a file in the run's folder when None. Runs of one team may share it in turn.
        training: hyperparameters.
    """

    task: str
    team: Team
    task_args: Mapping[str, Any] = field(default_factory=dict)
    skip: int = 0
    limit: int | None = None
    embedder: str = DEFAULT
    commitment: Rule = "vote"
    coordinator: bool = True
    seed: int = 0
    grow_from: Path | None = None
    answers: Path | None = None
    training: TrainingSettings = field(default_factory=TrainingSettings)


def train_belief(config: BeliefConfig, out: Path, progress: Progress = lambda done, total, note: None) -> Trained:
    """What became of a run; its folder holds the policy, the splits, the answers, the state and the result.

    Args:
        config: what to train.
        out: a new folder, or that of the same run, which then goes on.
        progress: told episodes so far, of how many, and what is worth knowing.

    Raises:
        InputError: the run cannot be made as it stands, or `out` holds another one.
        UnknownName: no such task.
        ModelCallError: an endpoint failed; the same call goes on from the last look.
    """
    asked = questions_of(config.task, config.task_args, skip=config.skip, limit=config.limit)
    texts = [item.problem.question for item in asked]
    where = splits(texts, config.training.split_seed)
    embedder = TextEmbedder(config.embedder)
    out.mkdir(parents=True, exist_ok=True)
    source = LiveTeam(
        config.team,
        asked,
        embedder,
        seed=config.seed,
        rule=config.commitment,
        coordinator=config.coordinator,
        kept=config.answers or out / ANSWERS,
    )
    used = frozenset(digest(texts[i]) for name in ("train", "validation") for i in where[name])
    training, grown = config.training, None
    if config.grow_from is not None:
        before = load_policy(config.grow_from)
        if before.embedder.name != config.embedder:
            raise InputError(f"the policy in '{config.grow_from}' embeds with {before.embedder.name}. Use the same.")
        grown, used = before.team, used | before.learned_from
        training = replace(training, network=grown.settings)
    told = {"task": config.task, "commitment": config.commitment, "coordinator": config.coordinator}

    def keep(team: BeliefTeam, look: Look) -> None:
        policy = BeliefPolicy(team=team, embedder=embedder, learned_from=used, told=told | {"look": vars(look)})
        save_policy(out / POLICY, policy)

    ids = {name: [asked[i].problem.id for i in places] for name, places in where.items()}
    (out / QUESTIONS).write_text(json.dumps(ids, indent=1) + "\n", encoding="utf-8")
    trained = train(source, training, out, grown=grown, progress=progress, keep=keep)
    (out / RESULT).write_text(json.dumps(as_json(trained, source), indent=1) + "\n", encoding="utf-8")
    return trained


def as_json(trained: Trained, source: LiveTeam) -> dict[str, Any]:
    """What became of a run as a JSON object; calls and tokens are those of this process."""
    return {
        "stop": trained.stop,
        "gap": list(trained.gap),
        "looks": [vars(look) for look in trained.looks],
        "calls": source.calls,
        "tokens": source.tokens,
        "remarks": list(source.remarks),
    }
