"""The objective against hand computations, finite differences and the mirror step of `equipoise.games`."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from torch import Tensor, nn

from equipoise.games import NormalForm, Problem, Regularizer
from equipoise.games.solvers.mirror_descent import MirrorDescent
from equipoise.learning.mirror import objective as of
from equipoise.learning.mirror.rollouts import Rollouts
from equipoise.learning.mirror.token_scores import token_scores

ALPHAS = torch.tensor([[0.1, 0.01, 0.1, 0.01, 0.1], [0.01, 0.1, 0.0, 0.01, 0.0]], dtype=torch.float64)


def leave_one_out(returns: list[float], floor: float) -> list[float]:
    found = []
    for i, value in enumerate(returns):
        others = returns[:i] + returns[i + 1 :]
        found.append((value - np.mean(others)) / max(float(np.std(others)), floor))
    return found


def test_group_advantage_is_the_hand_computation_in_groups_of_unequal_size() -> None:
    first, second = [0.0, 1.0, 0.25, 1.0, 0.5], [0.2, 0.9]
    mixed = torch.tensor([first[0], second[0], *first[1:3], second[1], *first[3:]], dtype=torch.float64)
    groups = torch.tensor([0, 1, 0, 0, 1, 0, 0])
    found = of.group_advantage(mixed, groups, floor=0.05)
    assert found[groups == 0].tolist() == pytest.approx(leave_one_out(first, 0.05))
    assert found[groups == 1].tolist() == pytest.approx([(0.2 - 0.9) / 0.05, (0.9 - 0.2) / 0.05])


def test_group_advantage_knows_no_order_no_level_and_no_noise_of_equal_returns() -> None:
    generator = torch.Generator().manual_seed(0)
    returns = torch.rand(12, generator=generator, dtype=torch.float64)
    groups = torch.tensor([0] * 5 + [1] * 7)
    order = torch.randperm(12, generator=generator)
    found = of.group_advantage(returns, groups, floor=0.01)
    assert torch.allclose(of.group_advantage(returns[order], groups[order], floor=0.01), found[order])
    assert torch.allclose(of.group_advantage(returns + 100.0, groups, floor=0.01), found, atol=1e-9)
    assert of.group_advantage(torch.full((4,), 0.7), torch.zeros(4, dtype=torch.long), floor=0.1).abs().max() < 1e-6
    assert of.group_advantage(torch.tensor([0.4]), torch.tensor([0]), floor=0.1).tolist() == [0.0]


def test_targets_are_shares_of_the_reward_that_add_up_to_it() -> None:
    mask = torch.tensor([[True, True, True], [True, False, False], [False, False, False]])
    rewards = torch.tensor([0.6, 1.0, 1.0])
    assert of.token_targets(rewards, mask).sum(1).tolist() == pytest.approx([0.6, 1.0, 0.0])
    assert of.token_targets(rewards, mask, kind="return")[0].tolist() == pytest.approx([0.6] * 3)


def test_the_clip_stops_only_what_would_go_further() -> None:
    ratio = torch.tensor([1.5, 1.5, 0.5, 0.5, 1.1, 1.25])
    advantage = torch.tensor([1.0, -1.0, 1.0, -1.0, 2.0, 1.0])
    value, active = of.clipped_surrogate(ratio, advantage, low=0.2, high=0.28)
    assert value.tolist() == pytest.approx([1.28, -1.5, 0.5, -0.8, 2.2, 1.25])
    assert active.tolist() == [True, False, False, True, False, False]
    unclipped, never = of.clipped_surrogate(ratio, advantage, low=None, high=None)
    assert torch.equal(unclipped, ratio * advantage) and not never.any()
    assert of.clipped_surrogate(ratio, advantage, low=0.2, high=0.2)[1].tolist()[-1]


@pytest.mark.parametrize("temperature", [0.3, 1.7])
def test_kl_estimates_are_the_exact_divergences_in_the_mean(temperature: float) -> None:
    generator = torch.Generator().manual_seed(1)
    old, new, ref = torch.randn(3, 7, generator=generator, dtype=torch.float64).mul(temperature).log_softmax(-1)
    under_old = old.exp()[None]  # the exact mean over x ~ π_old, as weights of the tokens
    exact = lambda p, q: float((p.exp() * (p - q)).sum())  # noqa: E731
    assert float((of.forward_kl(new, old) * old.exp()).sum()) == pytest.approx(exact(new, old), rel=1e-10)
    assert float(of.kl_old(new[None], old[None], under_old)) == pytest.approx(exact(old, new), rel=1e-10)
    assert float(of.kl_ref(new[None], ref[None], old[None], under_old)) == pytest.approx(exact(new, ref), rel=1e-10)
    assert (of.forward_kl(new, old) >= 0).all() and (of.k3(old, new) >= 0).all()


def tiny(seed: int) -> nn.Module:
    config = transformers.LlamaConfig(
        vocab_size=13,
        hidden_size=8,
        intermediate_size=12,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=32,
        attn_implementation="sdpa",
    )
    torch.manual_seed(seed)
    model = transformers.LlamaForCausalLM(config)
    for layer in model.model.layers:  # Llama's own norm computes in float32, whatever it is given
        layer.input_layernorm, layer.post_attention_layernorm = nn.RMSNorm(8, eps=1e-6), nn.RMSNorm(8, eps=1e-6)
    model.model.norm = nn.RMSNorm(8, eps=1e-6)
    model = model.double().eval()
    with torch.no_grad():
        for parameter in model.parameters():  # sharper than at the start, so that entropies and ratios differ
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


def unequal_rollouts() -> Rollouts:
    generator = torch.Generator().manual_seed(5)
    lengths, width = torch.tensor([5, 2, 3, 4]), 5
    mask = torch.arange(width) < lengths[:, None]
    prompt_mask = torch.arange(3) >= torch.tensor([0, 2, 1, 0])[:, None]
    return Rollouts(
        prompts=torch.randint(13, (4, 3), generator=generator) * prompt_mask,
        prompt_mask=prompt_mask,
        tokens=torch.randint(13, (4, width), generator=generator) * mask,
        mask=mask,
        truncated=torch.tensor([False, False, False, True]),
        texts=("",) * 4,
    )


def batch_of(rollouts: Rollouts, log_old: Tensor) -> of.Batch:
    generator = torch.Generator().manual_seed(7)
    return of.Batch(
        log_old=log_old,
        advantage=torch.randn(log_old.shape, generator=generator, dtype=torch.float64),
        alpha=torch.cat([ALPHAS, ALPHAS.flip(1)]),
        prox=torch.cat([ALPHAS.flip(1), ALPHAS]) * 3.0,
        mask=of.unmasked(rollouts.mask, rollouts.truncated),
    )


def worth_of(model: nn.Module, rollouts: Rollouts, batch: of.Batch, low: float | None, high: float | None) -> Tensor:
    scores = token_scores(model, rollouts)
    worth, _ = of.token_objective(scores.log_probabilities, scores.entropies, batch, low=low, high=high)
    return of.mean(worth, batch.counts)


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.2), (0.05, 0.3), (None, None)])
def test_gradients_on_a_transformer_are_finite_differences(low: float | None, high: float | None) -> None:
    model, rollouts = tiny(0), unequal_rollouts()
    with torch.no_grad():
        played = token_scores(tiny(1), rollouts).log_probabilities
        here = token_scores(model, rollouts).log_probabilities
        batch = batch_of(rollouts, here + 0.5 * (played - here).clamp(-1.0, 1.0))
        active = of.clipped_surrogate(of.ratios(here, batch.log_old), batch.advantage, low=low, high=high)[1]
    clipped = (active & batch.mask).sum()
    assert (0 < clipped < batch.mask.sum()) if low else clipped == 0
    worth_of(model, rollouts, batch, low, high).backward()
    checked = 0
    for name, parameter in model.named_parameters():
        flat, gradient = parameter.data.view(-1), parameter.grad.reshape(-1)
        for place in {0, len(flat) // 2, int(gradient.abs().argmax())}:
            held, values = float(flat[place]), []
            for sign in (1.0, -1.0):
                flat[place] = held + sign * 1e-6
                with torch.no_grad():
                    values.append(float(worth_of(model, rollouts, batch, low, high)))
            flat[place] = held
            assert (values[0] - values[1]) / 2e-6 == pytest.approx(float(gradient[place]), abs=2e-8, rel=1e-5), name
            checked += 1
    assert checked > 40


def test_a_truncated_row_carries_no_gradient_and_no_weight() -> None:
    rollouts = unequal_rollouts()
    log_old = torch.full(rollouts.mask.shape, -1.0, dtype=torch.float64)
    batch = batch_of(rollouts, log_old)
    log_new = (log_old + 0.05).requires_grad_()
    entropies = torch.ones_like(log_old).requires_grad_()
    worth, _ = of.token_objective(log_new, entropies, batch)
    of.mean(worth, batch.counts).backward()
    for gradient in (log_new.grad, entropies.grad):
        assert gradient is not None
        assert gradient[3].abs().max() == 0.0
        assert gradient[~rollouts.mask].abs().max() == 0.0
    assert log_new.grad is not None and (log_new.grad[0][rollouts.mask[0]] != 0.0).all()


def mirror_step(q: np.ndarray, temperature: float, played: np.ndarray, eta: float) -> np.ndarray:
    """One damped logit response of `equipoise.games`, of a single player."""
    game = NormalForm([q])
    problem = Problem(game, Regularizer.of(game.layout, [temperature]))
    steps = MirrorDescent(damping=eta).path(problem, np.log(played))
    next(steps)
    return problem.policy(next(steps)[0])


@pytest.mark.parametrize(("actions", "temperature", "eta"), [(2, 0.1, 0.3), (5, 0.7, 0.05), (7, 0.01, 0.9)])
def test_the_maximiser_is_the_mirror_step_of_games(actions: int, temperature: float, eta: float) -> None:
    rng = np.random.default_rng(actions)
    q, played = rng.normal(size=actions) * temperature, rng.dirichlet(np.ones(actions) * 2)
    wanted = mirror_step(q, temperature, played, eta)
    log_old = torch.tensor(np.log(played))
    baseline = float(played @ q)
    batch = of.Batch(
        log_old=log_old[:, None],
        advantage=torch.tensor(q - baseline)[:, None],
        alpha=torch.full((actions, 1), temperature, dtype=torch.float64),
        prox=torch.full((actions, 1), temperature * (1 - eta) / eta, dtype=torch.float64),
        mask=torch.ones(actions, 1, dtype=torch.bool),
        weights=torch.tensor(played),
    )
    logits = nn.Parameter(log_old.clone())
    optimiser = torch.optim.LBFGS(
        [logits], lr=1.0, max_iter=500, tolerance_grad=1e-14, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        log_new = logits.log_softmax(-1)
        entropy = -(log_new.exp() * log_new).sum().expand(actions, 1)
        worth, _ = of.token_objective(log_new[:, None], entropy, batch, low=None, high=None)
        missed = -of.mean(worth, batch.counts) / temperature
        missed.backward()
        return missed

    optimiser.step(loss)
    assert logits.detach().softmax(-1).numpy() == pytest.approx(wanted, abs=1e-6)
    assert wanted != pytest.approx(played, abs=1e-3)


def test_ratios_never_overflow() -> None:
    far = of.ratios(torch.tensor([0.0, -1000.0]), torch.tensor([-1000.0, 0.0]))
    assert torch.isfinite(far).all() and far[0] > 1e8 and far[1] < 1e-8
    assert of.mean(torch.zeros(0, 3), torch.zeros(0, 3)) == 0.0
    assert float(of.k3(torch.tensor(log(0.5)), torch.tensor(log(0.5)))) == 0.0
