"""Both mixers: never decreasing in any agent's value, a check that can fail, symmetry, and what they start from."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from equipoise.errors import InputError, UnknownName
from equipoise.networks.attention_mixer import AttentionMixer
from equipoise.networks.mixer import MonotoneMixer

AGENTS = 4


def mix(module, draw, values):
    """Q_tot of random contexts or prompts, whichever the mixer reads."""
    if isinstance(module, AttentionMixer):
        return module(draw(len(values), AGENTS, 3), values, draw(len(values), 5)).total
    return module(values, draw(len(values), 5) if module.hypernetwork else None)


def slopes(module, draw):
    """∂Q_tot/∂Q_i at random inputs. Shape [200, agents]."""
    values = draw(200, AGENTS).mul(10).requires_grad_(True)
    (gradient,) = torch.autograd.grad(mix(module, draw, values).sum(), values)
    return gradient


def made(kind: str):
    if kind == "attention":
        return AttentionMixer(3, 5, 7, width=8, heads=2, seed=1)
    return MonotoneMixer(AGENTS, kind=kind, context=5 if kind == "hypernetwork" else None, hidden=9, seed=1)


KINDS = ["linear", "hypernetwork", "attention"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_no_agents_gain_is_the_teams_loss(kind: str, seed: int, scrambled, draw) -> None:
    gradient = slopes(scrambled(made(kind), seed), draw)
    assert (gradient >= 0).all()
    assert (gradient > 0).any(0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", [lambda x: -x.exp(), lambda x: x], ids=["sign", "identity"])
def test_the_check_notices_a_mixer_that_is_not_monotone(kind: str, fault, scrambled, draw, monkeypatch) -> None:
    module = scrambled(made(kind), 0)
    monkeypatch.setattr(F, "softplus", fault)
    assert (slopes(module, draw) < 0).any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_are_the_slopes_and_do_not_see_the_values(kind: str, scrambled, draw) -> None:
    module = scrambled(made(kind), 3)
    if kind == "attention":
        prompts, group, values = draw(6, AGENTS, 3), draw(6, 5), draw(6, AGENTS)
        first, other = module(prompts, values, group), module(prompts, values * -3 + 1, group)
        assert torch.equal(first.weights, other.weights) and torch.equal(first.features, other.features)
        offset = first.total - (first.weights * values).sum(-1)
        torch.testing.assert_close(offset, module(prompts, values * 0, group).total, rtol=0, atol=1e-9)
        return
    context = draw(6, 5) if kind == "hypernetwork" else None
    weights, bias = module.terms(context)
    values = draw(6, AGENTS)
    torch.testing.assert_close(module(values, context), (weights * values).sum(-1) + bias, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_at_first_the_total_is_near_the_mean(kind: str, draw) -> None:
    module = made(kind).double()
    values = draw(50, AGENTS)
    if kind == "attention":
        mixed = module(draw(50, AGENTS, 3), values, draw(50, 5))
        torch.testing.assert_close(mixed.weights.sum(-1), torch.ones(50, dtype=torch.float64), rtol=0, atol=1e-6)
        return
    context = torch.zeros(50, 5, dtype=torch.float64) if kind == "hypernetwork" else None
    torch.testing.assert_close(module(values, context), values.mean(-1), rtol=0, atol=1e-6)
    if kind == "hypernetwork":
        weights, bias = module.terms(draw(50, 5))
        assert ((weights > 0.2) & (weights < 0.3)).all() and bias.abs().max() < 0.3


def test_relabelling_executors_relabels_weights_and_features(scrambled, draw) -> None:
    module = scrambled(made("attention"), 2)
    prompts, values, group = draw(6, AGENTS, 3), draw(6, AGENTS), draw(6, 5)
    order = torch.tensor([2, 0, 3, 1])
    plain, relabelled = module(prompts, values, group), module(prompts[:, order], values[:, order], group)
    torch.testing.assert_close(relabelled.total, plain.total, rtol=0, atol=1e-10)
    torch.testing.assert_close(relabelled.weights, plain.weights[:, order], rtol=0, atol=1e-10)
    torch.testing.assert_close(relabelled.features, plain.features[:, order], rtol=0, atol=1e-10)
    # Could fail: relabelling the prompts without the values is another group.
    assert (module(prompts[:, order], values, group).total - plain.total).abs().max() > 1e-3


def test_a_context_moves_weights_and_bias(scrambled, draw) -> None:
    module = scrambled(made("hypernetwork"), 4)
    first, second = module.terms(draw(1, 5)), module.terms(draw(1, 5))
    assert (first[0] - second[0]).abs().min() > 0
    assert (first[1] - second[1]).abs().min() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_is_trained(kind: str, scrambled, draw) -> None:
    module = scrambled(made(kind), 6)
    values = draw(20, AGENTS)
    if kind == "attention":
        mixed = module(draw(20, AGENTS, 3), values, draw(20, 5))
        (mixed.total.pow(2).sum() + mixed.features.pow(2).sum()).backward()
    else:
        mix(module, draw, values).pow(2).sum().backward()
    # What is added to every key alike leaves a softmax as it is.
    silent = {"attention.in_proj_bias"}
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None and (name in silent or parameter.grad.abs().max() > 0), name


def test_attention_takes_any_number_of_executors(draw) -> None:
    module = AttentionMixer(2, 5, 7, width=8, heads=2).double()
    for count in (1, 2, 9):
        mixed = module(draw(3, count, 2), draw(3, count), draw(3, 5))
        assert mixed.total.shape == (3,) and mixed.weights.shape == (3, count) and mixed.features.shape == (3, count, 7)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_follow_the_seed(kind: str) -> None:
    first, again = made(kind), made(kind)
    for one, two in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, two)


def test_what_does_not_fit_is_named(draw) -> None:
    with pytest.raises(UnknownName, match=r"no mixer 'liner'\. Did you mean 'linear'"):
        MonotoneMixer(2, kind="liner")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="only a hypernetwork reads one"):
        MonotoneMixer(2, context=3)
    with pytest.raises(InputError, match="only a hypernetwork reads one"):
        MonotoneMixer(2, kind="hypernetwork")
    with pytest.raises(InputError, match="reads no context"):
        MonotoneMixer(2).double()(draw(3, 2), draw(3, 5))
    with pytest.raises(InputError, match="needs the public context"):
        MonotoneMixer(2, kind="hypernetwork", context=5).double()(draw(3, 2))
