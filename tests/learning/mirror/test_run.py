"""A trainer between iterations, on the embedded models: everything moves, is told, and goes on bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

import torch
from torch import Tensor

from equipoise.errors import EngineError, InputError, OutOfMemory, TrainingError
from equipoise.learning.belief_questions import questions_of
from equipoise.learning.mirror import answer_game
from equipoise.learning.mirror.adapted_models import AdaptedModels
from equipoise.learning.mirror.critics import CriticLearner
from equipoise.learning.mirror.engine import GenerateEngine
from equipoise.learning.mirror.joint import JointPlay
from equipoise.learning.mirror.run import MirrorRun
from equipoise.learning.mirror.settings import BASELINES, MirrorSettings, baseline
from equipoise.team.team import Team

TEAM = Team.from_dict(
    {
        "team": {"max_tokens": 40},
        "executor": [{"name": "abacus", "model": "embedded/abacus"}, {"name": "sage", "model": "embedded/sage"}],
        "controls": {"strategies": ["direct"]},
    }
)
SETTINGS = MirrorSettings(
    iterations=3,
    prompts=2,
    group=3,
    lr=1e-3,
    validation=2,
    validation_samples=1,
    critic_steps=4,
    look_every=2,
    rank=2,
    batch_tokens=400,
    entropy_threshold=0.5,
)
ASKED = questions_of("embedded", {"families": "arithmetic,syllogisms", "split": "validation", "n_per_family": 8})
WHERE = {"train": range(4, 12), "validation": range(4)}


def begin(settings: MirrorSettings = SETTINGS, **about: Any) -> MirrorRun:
    torch.set_num_threads(1)
    models = AdaptedModels(
        [executor.model for executor in TEAM.executors],
        names=[executor.name for executor in TEAM.executors],
        rank=settings.rank,
        alpha=settings.lora_alpha,
        seed=settings.seed,
    )
    engine = GenerateEngine(models)
    play = JointPlay(models, engine, TEAM, ASKED, own=settings.own)
    return MirrorRun(models, engine, play, {name: list(held) for name, held in WHERE.items()}, settings, about=about)


def weights(run: MirrorRun) -> dict[str, Tensor]:
    return run.models.tensors()


def logits_of_the_base(run: MirrorRun) -> Tensor:
    with torch.no_grad(), run.models.reference(0) as model:
        return model(torch.tensor([[5, 90, 17, 300]])).logits


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


def told(iteration: Any) -> dict[str, Any]:
    """A record without what a clock tells."""
    return {name: value for name, value in asdict(iteration).items() if name != "cost"}


def test_an_iteration_moves_every_adapter_and_tells_everything(tmp_path: Path) -> None:
    run = begin()
    before, base = weights(run), logits_of_the_base(run)
    first, second = run.iterate(), run.iterate()
    after = weights(run)
    for i in range(2):
        assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith(f"adapter-{i}-"))
    assert (first.iteration, second.iteration, first.rollouts) == (1, 2, 6)
    assert first.look is None and second.look is not None and len(second.look.executors) == 2
    assert [each.name for each in first.executors] == ["abacus", "sage"]
    assert first.critic_loss is not None and first.critic_loss > 0.0
    assert all(each.proof < 1e-4 and each.steps == 2 for each in first.executors)
    assert all(each.kl_old > 0.0 and each.gradient > 0.0 for each in first.executors)
    assert 0.0 <= first.team <= 1.0 and first.regret >= 0.0
    cost = first.cost
    assert cost.generated > 0 and cost.training_rate == pytest.approx(cost.scored / cost.training_s)
    assert torch.equal(logits_of_the_base(run), base)
    assert run.best is not None


def test_a_run_that_goes_on_ends_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    whole = begin()
    whole.look()
    records = [whole.iterate() for _ in range(3)]
    stopped = begin()
    stopped.look()
    stopped.iterate()
    stopped.save(tmp_path / "checkpoint")
    stopped.iterate()  # done after the checkpoint, and so lost
    again = begin()
    assert again.resume(tmp_path / "checkpoint")
    assert [told(again.iterate()) for _ in range(2)] == [told(record) for record in records[1:]]
    assert same(weights(again), weights(whole))
    assert again.looks == whole.looks


def test_a_folder_of_another_run_is_refused_by_what_differs(tmp_path: Path) -> None:
    run = begin(task="embedded")
    assert not run.resume(tmp_path)
    run.save(tmp_path)
    for other, differs in ((replace(SETTINGS, group=4, own=0.1), "own, group|group, own"), (SETTINGS, "task")):
        with pytest.raises(InputError, match=differs):
            begin(other, task="embedded" if other is not SETTINGS else "gsm8k").resume(tmp_path)


def test_what_is_not_finite_keeps_the_last_good_adapters_of_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin()
    before = weights(run)
    calls: list[int] = []
    from equipoise.learning.mirror import run as module

    def advantage(returns: Tensor, groups: Tensor, *, floor: float) -> Tensor:
        calls.append(1)
        return torch.full_like(returns, 1.0 if len(calls) == 1 else float("nan"))

    monkeypatch.setattr(module, "group_advantage", advantage)
    with pytest.raises(TrainingError, match=r"'sage'.*nan.*iteration 0"):
        run.iterate()
    assert same(before, weights(run)) and run.done == 0


def test_an_engine_that_plays_something_else_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin()

    def stale(self: GenerateEngine, *rest: Any) -> float:
        raise EngineError("another adapter")

    monkeypatch.setattr(GenerateEngine, "prove", stale)
    with pytest.raises(EngineError):
        run.iterate()


def seen_in_update(monkeypatch: pytest.MonkeyPatch, settings: MirrorSettings) -> list[tuple[Any, MirrorSettings, Any]]:
    """What reached the update of each executor in one iteration: experience, settings, and how it was appraised."""
    from equipoise.learning.mirror import run as module

    found: list[tuple[Any, MirrorSettings, Any]] = []
    real: Callable[..., Any] = module.update

    def spy(policy: Any, optimiser: Any, experience: Any, given: MirrorSettings, **rest: Any) -> Any:
        done = real(policy, optimiser, experience, given, **rest)
        found.append((experience, given, policy))
        return done

    monkeypatch.setattr(module, "update", spy)
    run = begin(settings)
    run.iterate()
    run.iterate()  # critics that learned something by now
    return found[2:]


@pytest.mark.parametrize("name", [None, *BASELINES])
def test_baselines_switch_off_what_they_name(name: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = baseline(replace(SETTINGS, validation=0, lr=1e-4), name)
    for experience, given, policy in seen_in_update(monkeypatch, settings):
        batch, mask = experience.batch, experience.batch.mask
        assert policy.reads_hidden == (name not in ("single_agent_grpo", "dapo_clip_higher"))
        by_row = [row[held].unique().numel() for row, held in zip(batch.advantage, mask, strict=True) if held.sum() > 2]
        critics = any(count > 1 for count in by_row)  # a group's advantage is one number a row
        assert critics == (name not in ("single_agent_grpo", "dapo_clip_higher"))
        alphas = batch.alpha[mask].unique().tolist()
        wanted = {"single_agent_grpo": 0, "dapo_clip_higher": 0, "ppo_clip": 0, "unregularised": 0, "homogeneous": 1}
        if name in wanted:
            assert len(alphas) == 1 and (alphas[0] > 0.0) == bool(wanted[name])
        else:
            assert min(alphas) == pytest.approx(0.01)
        assert given.clip_high == (0.28 if name == "dapo_clip_higher" else 0.2)


@pytest.mark.parametrize("name", [None, "team", *BASELINES])
def test_baselines_reward_and_compare_what_they_name(name: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    from equipoise.learning.mirror import run as module

    compared: list[Tensor] = []
    real: Callable[..., Tensor] = module.group_advantage

    def spy(returns: Tensor, groups: Tensor, **rest: Any) -> Tensor:
        compared.append(returns)
        return real(returns, groups, **rest)

    monkeypatch.setattr(module, "group_advantage", spy)
    settings = replace(SETTINGS, validation=0, epochs=1)
    run = begin(replace(settings, group_return="team") if name == "team" else baseline(settings, name))
    asked: list[Any] = []
    played: list[Any] = []
    play = run.play.play

    def kept(questions: Any, **more: Any) -> Any:
        asked.extend(questions)
        return played.append(play(questions, **more)) or played[-1]

    monkeypatch.setattr(run.play, "play", kept)
    run.iterate()
    own, vote = played[0].own_right.float(), played[0].vote_right.float()[:, None]
    alone = name in ("single_agent_grpo", "dapo_clip_higher", "independent")
    rewards = own if alone else 0.5 * own + 0.5 * vote
    assert torch.equal(played[0].rewards, rewards)
    worth = [game.expected for game in answer_game.games_of(run.play, asked, played[0], run.settings.own)]
    for i, returns in enumerate(compared):
        if name == "team" or alone:
            assert torch.allclose(returns, rewards[:, i] if alone else rewards.mean(1))
            continue
        for place, expected in enumerate(worth):
            found = returns[played[0].groups == place]
            assert found.tolist() == pytest.approx(expected(i).tolist())


def test_a_run_without_validation_looks_at_nothing(tmp_path: Path) -> None:
    run = begin(replace(SETTINGS, validation=0, critics="none", group_return="own"))
    assert run.look() is None and run.best is None
    record = run.iterate()
    assert record.critic_loss is None and all(each.representation is None for each in record.executors)
    run.save(tmp_path)
    assert begin(replace(SETTINGS, validation=0, critics="none", group_return="own")).resume(tmp_path)


def test_what_must_be_lowered_when_memory_ran_out_may_differ_when_a_run_goes_on(tmp_path: Path) -> None:
    begin().save(tmp_path)
    lowered = replace(SETTINGS, batch_tokens=100, rollout_rows=2, accumulate=3, gradient_checkpointing=True)
    assert begin(lowered).resume(tmp_path)


def test_critics_that_do_not_fit_say_what_to_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*rest: Any) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB.")

    monkeypatch.setattr(CriticLearner, "loss", full)
    with pytest.raises(OutOfMemory, match=r"the critics' learning.*max_tokens"):
        begin(replace(SETTINGS, validation=0)).iterate()
