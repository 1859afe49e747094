"""Fidelity against the mirror step itself, misfit, alarms and what a TensorBoard would be told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from equipoise.learning.mirror import diagnostics
from equipoise.learning.mirror.batches import Sizes
from equipoise.learning.mirror.diagnostics import Board, Steps, alarms, fidelity, misfit, numbers
from equipoise.learning.mirror.objective import Batch
from equipoise.learning.mirror.settings import MirrorSettings
from equipoise.learning.mirror.update import Experience, Update

STEPS = Steps(
    name="abacus",
    reward=0.5,
    right=0.5,
    truncated=0.0,
    length=9.0,
    steps=2,
    stopped=False,
    rejected=False,
    kl_old=0.01,
    kl_ref=0.02,
    clip_rate=0.0,
    entropy=0.1,
    temperature=0.01,
    hot=0.1,
    gradient=1.0,
    gradient_spread=None,
    fidelity=0.2,
    clip=0.0,
    sampling=None,
    representation=1.0,
    optimisation=0.5,
    proof=1e-6,
)


def moved(step: float, *, alpha: float = 0.2, toward: float = 1.0) -> float | None:
    """The fidelity of a step of the mirror map, on tokens drawn from a known policy in each of many states."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(400, 6, generator=generator, dtype=torch.float64)
    old = logits.log_softmax(-1)
    q = torch.randn(400, 6, generator=generator, dtype=torch.float64) * 0.3
    new = ((1 - step) * old + step * toward * q / alpha).log_softmax(-1) if step else old
    drawn = torch.multinomial(old.exp(), 1, generator=generator)
    log_old, log_new = old.gather(1, drawn), new.gather(1, drawn)
    advantage = q.gather(1, drawn) - (old.exp() * q).sum(1, keepdim=True)
    batch = Batch(
        log_old=log_old,
        advantage=advantage,
        alpha=torch.full_like(log_old, alpha),
        prox=torch.zeros_like(log_old),
        mask=torch.ones(400, 1, dtype=torch.bool),
    )
    rows = torch.arange(400)
    known = Experience(
        batch=batch, log_ref=log_old, sizes=Sizes(rows, rows, rows), appraise=lambda rows, scores: advantage
    )
    known.entropies = -(old.exp() * old).sum(1, keepdim=True)
    done: Any = replace(_update(), probe=(rows, log_new))
    return fidelity(known, done)


def _update() -> Update:
    empty = torch.zeros(0)
    return Update(
        steps=1,
        stopped=False,
        rejected=False,
        kl_old=0.0,
        kl_ref=0.0,
        clip_rate=0.0,
        clip_share=0.0,
        gradient=(1.0, 1.0),
        spread=None,
        noise=None,
        tokens=1,
        probe=(empty, empty),
    )


def test_a_small_mirror_step_is_faithful_and_its_opposite_is_not() -> None:
    assert moved(0.01) == pytest.approx(1.0, abs=0.01)
    small, large = moved(0.05), moved(0.9)
    assert small is not None and large is not None and small > large > 0.5
    assert moved(-0.01) == pytest.approx(-1.0, abs=0.01)
    wrong = moved(0.01, toward=-1.0)
    assert wrong is not None and wrong < 0.2
    assert moved(0.0) is None


def test_misfit_is_1_for_a_critic_that_knows_nothing_and_0_for_a_perfect_one() -> None:
    target, counts = torch.tensor([[0.5, 1.0, 7.0]]), torch.tensor([[True, True, False]])
    assert misfit(torch.zeros_like(target), target, counts) == pytest.approx(1.0)
    assert misfit(target, target, counts) == 0.0
    assert misfit(target / 2, target, counts) == pytest.approx(0.5)
    assert misfit(target, torch.zeros_like(target), counts) is None


def test_alarms_name_executor_and_divergence() -> None:
    settings = MirrorSettings()
    assert alarms((STEPS,), settings) == ()
    far = replace(STEPS, name="sage", kl_old=0.06, kl_ref=0.4)
    told = alarms((STEPS, far), settings)
    assert len(told) == 2 and all(line.startswith("sage: ") for line in told)
    assert "0.060" in told[0] and "0.400" in told[1]


def test_numbers_have_paths_and_nothing_else_has() -> None:
    told = {
        "reward": 0.5,
        "executors": [{"name": "abacus", "kl_old": 0.1, "stopped": False}],
        "margin": None,
        "k": (1, 2),
        "look": {"team": 0.75, "shares": [0.5, 1.0]},
    }
    assert numbers(told) == [
        ("reward", 0.5),
        ("executors/abacus/kl_old", 0.1),
        ("executors/abacus/stopped", 0.0),
        ("k/0", 1.0),
        ("k/1", 2.0),
        ("look/team", 0.75),
    ]


def test_without_tensorboard_it_is_said_once_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnostics, "find_spec", lambda name: None)
    board = Board(tmp_path / "board")
    board.tell(1, {"reward": 1.0})
    board.close()
    assert "pip install tensorboard" in board.remark
    assert not (tmp_path / "board").exists()


def test_with_tensorboard_every_number_is_logged_once_though_the_run_was_killed_and_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    killed = Board(tmp_path)
    for number, reward in ((1, 0.25), (2, 0.75)):
        killed.tell(number, {"reward": reward, "executors": [{"kl_old": 0.5}]})
    killed.close()
    board = Board(tmp_path, done=1)  # the checkpoint was that of iteration 1
    board.tell(2, {"reward": 0.5, "executors": [{"kl_old": None}]})
    board.close()
    assert board.remark == ""
    held = EventAccumulator(str(tmp_path)).Reload()
    assert [(each.step, each.value) for each in held.Scalars("reward")] == [(1, 0.25), (2, 0.5)]
    assert [(each.step, each.value) for each in held.Scalars("executors/0/kl_old")] == [(1, 0.5)]
