"""The trainer's own update: it reaches the mirror step, stops in time, takes back, and keeps the last good state."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn

from equipoise.errors import TrainingError
from equipoise.games import NormalForm, Problem, Regularizer
from equipoise.games.solvers.mirror_descent import MirrorDescent
from equipoise.learning.mirror.batches import Sizes
from equipoise.learning.mirror.objective import Batch
from equipoise.learning.mirror.settings import MirrorSettings
from equipoise.learning.mirror.token_scores import TokenScores
from equipoise.learning.mirror.update import Experience, update

SETTINGS = MirrorSettings(max_norm=0.0, kl_old_limit=1e9, kl_ref_limit=1e9)


@dataclass
class Table:
    """A policy that is a table of logits, one distribution per state; rows play an action in a state."""

    logits: nn.Parameter
    states: Tensor
    actions: Tensor
    passes: int = 0

    @property
    def parameters(self) -> Sequence[nn.Parameter]:
        return [self.logits]

    def scores(self, rows: Tensor, *, hidden: bool = False) -> TokenScores:
        self.passes += len(rows)
        logs = self.logits.log_softmax(-1)
        entropies = -(logs.exp() * logs).sum(-1)
        states = self.states[rows]
        chosen = logs[states, self.actions[rows]]
        return TokenScores(log_probabilities=chosen[:, None], entropies=entropies[states][:, None], hidden=None)


def one_state(q: np.ndarray, played: np.ndarray, temperature: float, eta: float) -> tuple[Table, Experience]:
    """All actions of one state as rows, each as heavy as it is likely, with exact advantages."""
    count = len(q)
    table = Table(
        nn.Parameter(torch.tensor(np.log(played))[None]), torch.zeros(count, dtype=torch.long), torch.arange(count)
    )
    advantage = torch.tensor(q - played @ q)[:, None]
    return table, experience(table, advantage, temperature, eta, weights=torch.tensor(played))


def experience(
    table: Table, advantage: Tensor, temperature: float = 0.1, eta: float = 1.0, weights: Tensor | None = None
) -> Experience:
    count = len(table.actions)
    blank = torch.zeros(count, 1, dtype=torch.float64)
    with torch.no_grad():
        log_ref = table.scores(torch.arange(count)).log_probabilities.clone()
    table.passes = 0
    batch = Batch(
        log_old=blank.clone(),
        advantage=blank.clone(),
        alpha=blank + temperature,
        prox=blank + temperature * (1 - eta) / eta,
        mask=torch.ones(count, 1, dtype=torch.bool),
        weights=weights,
    )
    sizes = Sizes(torch.full((count,), 4), torch.ones(count, dtype=torch.long), torch.arange(count))
    return Experience(batch=batch, log_ref=log_ref, sizes=sizes, appraise=lambda rows, scores: advantage[rows])


@pytest.mark.parametrize(
    ("actions", "temperature", "eta", "rate"), [(2, 0.1, 0.3, 3.0), (4, 0.5, 0.2, 0.4), (7, 1.5, 0.6, 0.8)]
)
def test_with_exact_critics_the_update_reaches_the_mirror_step(
    actions: int, temperature: float, eta: float, rate: float
) -> None:
    rng = np.random.default_rng(actions)
    q, played = rng.normal(size=actions) * temperature, rng.dirichlet(np.ones(actions) * 3)
    game = NormalForm([q])
    problem = Problem(game, Regularizer.of(game.layout, [temperature]))
    steps = MirrorDescent(damping=eta).path(problem, np.log(played))
    next(steps)
    wanted = problem.policy(next(steps)[0])
    table, known = one_state(q, played, temperature, eta)
    settings = replace(SETTINGS, clip_low=None, clip_high=None, epochs=1500, batch_tokens=11)
    done = update(table, torch.optim.SGD([table.logits], lr=rate), known, settings)
    assert table.logits.detach().softmax(-1)[0].numpy() == pytest.approx(wanted, abs=1e-6)
    assert done.gradient[1] < 1e-6 * done.gradient[0]
    assert known.batch.log_old[:, 0].exp().numpy() == pytest.approx(played)
    assert not np.allclose(wanted, played, atol=1e-3)


def many(seed: int = 0) -> tuple[Table, Experience]:
    generator = torch.Generator().manual_seed(seed)
    logits = nn.Parameter(torch.randn(3, 5, generator=generator, dtype=torch.float64))
    table = Table(logits, torch.arange(60) % 3, torch.randint(5, (60,), generator=generator))
    return table, experience(table, torch.randn(60, 1, generator=generator, dtype=torch.float64))


def test_the_first_pass_tells_the_old_policy_and_no_pass_is_spent_on_it() -> None:
    table, known = many()
    start = table.logits.detach().clone()
    settings = replace(SETTINGS, epochs=2, probe_share=0.5)
    update(table, torch.optim.AdamW([table.logits], lr=0.05), known, settings)
    assert table.passes == 2 * 60 + 30
    wanted = start.log_softmax(-1)[table.states, table.actions]
    assert torch.allclose(known.batch.log_old[:, 0], wanted)
    table, known = many()
    update(table, torch.optim.AdamW([table.logits], lr=0.05), known, replace(settings, minibatches=4))
    assert table.passes == 3 * 60 + 30
    assert torch.allclose(known.batch.log_old[:, 0], wanted)


def test_parts_add_up_to_the_gradient_of_the_whole() -> None:
    found = []
    for tokens, least in ((10_000, 1), (23, 1), (10_000, 7)):
        table, known = many()
        settings = replace(SETTINGS, epochs=1, batch_tokens=tokens, accumulate=least)
        update(table, torch.optim.SGD([table.logits], lr=1.0), known, settings)
        found.append(table.logits.detach().clone())
    assert torch.allclose(found[0], found[1], atol=1e-12) and torch.allclose(found[0], found[2], atol=1e-12)


def test_an_update_stops_where_the_policy_left_the_one_that_played() -> None:
    table, known = many()
    settings = replace(SETTINGS, epochs=50, kl_old_limit=0.02)
    done = update(table, torch.optim.AdamW([table.logits], lr=0.05), known, settings)
    assert done.stopped and 1 <= done.steps < 50
    assert done.kl_old > 0.0
    table, known = many()
    assert not update(table, torch.optim.AdamW([table.logits], lr=1e-4), known, settings).stopped


def test_an_update_too_far_from_the_reference_is_taken_back_with_its_optimiser() -> None:
    table, known = many()
    optimiser = torch.optim.AdamW([table.logits], lr=0.05)
    update(table, optimiser, known, replace(SETTINGS, epochs=1))
    held, state = table.logits.detach().clone(), deepcopy(optimiser.state_dict())
    _, fresh = many()
    fresh.log_ref = known.log_ref
    done = update(table, optimiser, fresh, replace(SETTINGS, epochs=3, kl_ref_limit=1e-6))
    assert done.rejected and done.steps == 3 and done.kl_ref > 1e-6
    assert torch.equal(table.logits.detach(), held)
    after = optimiser.state_dict()["state"][0]
    assert all(torch.equal(after[name], value) for name, value in state["state"][0].items())


def test_what_is_not_finite_stops_and_leaves_the_last_good_state() -> None:
    table, known = many()
    held = table.logits.detach().clone()
    known.appraise = lambda rows, scores: torch.full((len(rows), 1), float("nan"), dtype=torch.float64)
    optimiser = torch.optim.AdamW([table.logits], lr=0.05)
    with pytest.raises(TrainingError, match="nan"):
        update(table, optimiser, known, SETTINGS)
    assert torch.equal(table.logits.detach(), held)
    assert not optimiser.state_dict()["state"]


def test_clipping_is_counted_and_stops_the_policy() -> None:
    table, known = many()
    known.batch.alpha.zero_()
    settings = replace(SETTINGS, epochs=60, clip_low=0.1, clip_high=0.1)
    held = update(table, torch.optim.SGD([table.logits], lr=2.0), known, settings)
    assert 0.0 < held.clip_rate < 1.0 and 0.0 < held.clip_share <= 1.0
    free_table, free_known = many()
    free_known.batch.alpha.zero_()
    free = update(
        free_table,
        torch.optim.SGD([free_table.logits], lr=2.0),
        free_known,
        replace(settings, clip_low=None, clip_high=None),
    )
    assert free.clip_rate == 0.0 and free.kl_old > held.kl_old


def test_rows_that_were_all_cut_off_move_nothing() -> None:
    table, known = many()
    known.batch.mask.zero_()
    held = table.logits.detach().clone()
    done = update(table, torch.optim.AdamW([table.logits], lr=0.05), known, SETTINGS)
    assert done.steps == 0 and torch.equal(table.logits.detach(), held)


def test_rows_that_were_all_cut_off_are_known_all_the_same() -> None:
    table, known = many()
    known.batch.mask[:] = False
    update(table, torch.optim.SGD(table.parameters, lr=1.0), known, SETTINGS)
    assert known.known and bool((known.entropies > 0).all()) and bool((known.batch.log_old < 0).all())


def test_an_update_is_measured_on_rows_that_count() -> None:
    table, known = many()
    known.batch.mask[:] = False
    known.batch.mask[[3, 17, 30]] = True
    found = update(table, torch.optim.SGD(table.parameters, lr=1.0), known, SETTINGS)
    assert {3, 17, 30} <= set(found.probe[0].tolist()) and found.kl_ref > 0.0


def test_rows_that_a_stopped_pass_did_not_reach_have_not_moved() -> None:
    table, known = many()
    settings = replace(SETTINGS, minibatches=4, kl_old_limit=1e-4)
    done = update(table, torch.optim.SGD([table.logits], lr=30.0), known, settings)
    assert done.stopped and done.steps == 1
    moved = (known.latest - known.batch.log_old).abs()[:, 0]
    assert int((moved > 1e-3).sum()) <= 15  # those of the second step, which was measured and not taken
    assert torch.equal(known.latest[moved <= 1e-3], known.batch.log_old[moved <= 1e-3])


def test_only_a_step_in_parts_tells_their_agreement() -> None:
    for least, told in ((1, False), (5, True)):
        table, known = many()
        done = update(table, torch.optim.SGD([table.logits], lr=0.1), known, replace(SETTINGS, accumulate=least))
        assert (done.spread is not None) == (done.noise is not None) == told
        assert not told or (0.0 < (done.spread or 0.0) < 1.0 and (done.noise or 0.0) > 0.0)
