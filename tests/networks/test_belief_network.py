"""Belief networks and the group encoder: ranges, gradients of the prompt heads, own parameters, symmetry, sizes."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest
import torch
from torch import nn

from equipoise.errors import InputError
from equipoise.networks.attention_mixer import AttentionMixer
from equipoise.networks.belief_network import BeliefNetwork, BeliefNetworkSettings
from equipoise.networks.group_encoder import GroupEncoder
from equipoise.networks.prompt_range import WITH_PENALTY, PromptRange

SMALL = {"embedding": 5, "observation": 6, "belief": 4, "width": 8, "heads": 2, "feedforward": 8, "context": 4}


def network(seed: int = 0, **changes) -> BeliefNetwork:
    return BeliefNetwork(BeliefNetworkSettings(**{**SMALL, **changes}), seed=seed).double().eval()


def count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def test_defaults_are_the_papers_and_their_size_is_the_one_that_is_said() -> None:
    settings = BeliefNetworkSettings()
    assert (settings.layers, settings.heads, settings.width, settings.dropout, settings.belief) == (2, 4, 256, 0.1, 128)
    assert (settings.prompt.low, settings.prompt.high) == ((0.1, 0.1), (2.0, 0.9))
    networks = [BeliefNetwork(seed=executor) for executor in range(3)]
    assert 0.97e6 < count(networks[0]) < 0.99e6
    assert 3.1e6 < count(*networks, GroupEncoder(), AttentionMixer()) < 3.25e6
    slim = BeliefNetworkSettings(width=128, feedforward=512)
    slim_networks = [BeliefNetwork(slim, seed=executor) for executor in range(3)]
    assert 1.8e6 < count(*slim_networks, GroupEncoder(), AttentionMixer()) < 1.9e6


def test_shapes_with_and_without_a_trajectory(draw) -> None:
    model = network(prompt=WITH_PENALTY)
    for time in (0, 1, 9):
        said = model(draw(3, time, 5), draw(3, 6))
        assert said.belief.shape == (3, 4) and said.prompt.shape == (3, 3) and said.value.shape == (3,)


def test_the_prompt_is_an_affine_sigmoid_of_the_belief(draw) -> None:
    model = network(prompt=WITH_PENALTY)
    belief = draw(50, 4) * 5
    raw = belief @ model.prompt_heads.weight.T + model.prompt_heads.bias
    low, span = torch.tensor([0.1, 0.1, 1.0]).double(), torch.tensor([1.9, 0.8, 1.0]).double()
    torch.testing.assert_close(model.prompt(belief), low + span / (1 + torch.exp(-raw)), rtol=0, atol=1e-6)


def test_however_extreme_the_belief_the_prompt_can_be_played(scrambled, draw) -> None:
    model = scrambled(network(prompt=WITH_PENALTY), 3)
    for prompt in model.prompt(draw(200, 4) * 1e3):
        settings = WITH_PENALTY.settings(prompt)
        assert list(settings) == ["sampling_temperature", "top_p", "repetition_penalty"]
        assert 0.1 <= settings["sampling_temperature"] <= 2.0
        assert 0.1 <= settings["top_p"] <= 0.9
        assert 1.0 <= settings["repetition_penalty"] <= 2.0


def test_prompt_heads_follow_the_value(draw) -> None:
    """The deterministic policy gradient: chain rule by hand, and ascent that finds the grid's best prompt."""
    model = network(seed=2)
    belief = draw(7, 4)
    prompt = model.prompt(belief)
    value = model.value(belief, prompt)
    (by_prompt,) = torch.autograd.grad(value.sum(), prompt, retain_graph=True)
    (by_weight,) = torch.autograd.grad(value.sum(), model.prompt_heads.weight)
    sigma = (prompt - model.low) / (model.high - model.low)
    chained = by_prompt * (model.high - model.low) * sigma * (1 - sigma)
    torch.testing.assert_close(by_weight, chained.T @ belief, rtol=0, atol=1e-12)
    assert by_weight.abs().min() > 0

    nudge = torch.zeros_like(prompt)
    nudge[:, 0] = 1e-6
    slope = (model.value(belief, prompt + nudge) - model.value(belief, prompt - nudge)) / 2e-6
    torch.testing.assert_close(by_prompt[:, 0], slope, rtol=0, atol=1e-8)


def test_prompt_heads_climb_to_the_best_prompt_of_a_fixed_critic(draw) -> None:
    model = network(seed=2)
    model.value = lambda belief, prompt: -(prompt - torch.tensor([0.6, 0.7])).pow(2).sum(-1)  # type: ignore[method-assign]
    belief = model.believe(draw(8, 3, 5), draw(8, 6)).detach()
    optimiser = torch.optim.Adam(model.prompt_heads.parameters(), lr=5e-2)
    for _ in range(300):
        optimiser.zero_grad()
        (-model.value(belief, model.prompt(belief)).mean()).backward()
        optimiser.step()
    torch.testing.assert_close(model.prompt(belief), torch.tensor([0.6, 0.7]).double().expand(8, 2), rtol=0, atol=0.03)


def test_a_critics_loss_leaves_the_heads_alone(draw) -> None:
    model = network()
    belief = model.believe(draw(3, 2, 5), draw(3, 6))
    model.value(belief, model.prompt(belief).detach()).pow(2).sum().backward()
    assert all(parameter.grad is None for parameter in model.prompt_heads.parameters())
    for name, parameter in model.named_parameters():
        if not name.startswith("prompt_heads"):
            assert (parameter.grad is not None and parameter.grad.abs().max() > 0) or "positions" in name, name


def test_a_whole_grid_of_prompts_is_valued_at_once(draw) -> None:
    model = network()
    belief, grid = draw(6, 4), PromptRange().grid(5).double()
    assert grid.shape == (25, 2)
    assert grid.amin(0).tolist() == pytest.approx([0.1, 0.1]) and grid.amax(0).tolist() == pytest.approx([2.0, 0.9])
    values = model.value(belief[:, None], grid)
    for point in (0, 7, 24):
        expected = model.value(belief, grid[point].expand(6, 2))
        torch.testing.assert_close(values[:, point], expected, rtol=0, atol=1e-12)


def test_padding_of_the_trajectory_changes_nothing_and_its_order_does(draw) -> None:
    model = network()
    trajectory, observation = draw(1, 3, 5), draw(1, 6)
    padded = torch.cat([trajectory[:, :1], draw(1, 2, 5) * 9, trajectory[:, 1:]], dim=1)
    mask = torch.tensor([[True, False, False, True, True]])
    plain = model.believe(trajectory, observation)
    torch.testing.assert_close(model.believe(padded, observation, mask), plain, rtol=0, atol=1e-12)
    assert (model.believe(trajectory.flip(1), observation) - plain).abs().max() > 1e-3
    assert (model.believe(trajectory, observation + 1) - plain).abs().max() > 1e-3


def test_seeds_make_executors_differ_and_runs_agree(draw) -> None:
    trajectory, observation = draw(2, 3, 5), draw(2, 6)
    said = [network(seed)(trajectory, observation) for seed in (0, 1, 2)]
    for one, two in combinations(said, 2):
        assert (one.belief - two.belief).abs().max() > 1e-3 and (one.prompt - two.prompt).abs().max() > 1e-4
    assert torch.equal(network(1)(trajectory, observation).value, said[1].value)
    assert not torch.equal(network(0).prompt_heads.weight, network(1).prompt_heads.weight)


def test_dropout_is_for_training_only(draw) -> None:
    trajectory, observation = draw(2, 3, 5), draw(2, 6)
    silent, training = network(), network().train()
    assert torch.equal(silent.believe(trajectory, observation), silent.believe(trajectory, observation))
    assert not torch.equal(training.believe(trajectory, observation), training.believe(trajectory, observation))
    steady = network(dropout=0.0).train()
    assert torch.equal(steady.believe(trajectory, observation), silent.believe(trajectory, observation))


def test_settings_are_clipped_to_the_range() -> None:
    assert PromptRange().settings(torch.tensor([3.0, -1.0])) == {"sampling_temperature": 2.0, "top_p": 0.1}
    assert PromptRange().settings(torch.tensor([0.5, 0.25])) == {"sampling_temperature": 0.5, "top_p": 0.25}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PromptRange(low=(0.1,)), "a name, a least and a greatest value"),
        (lambda: PromptRange(low=(0.1, 0.9)), r"the range top_p 0.9…0.9"),
        (lambda: PromptRange(names=("heat", "top_p")), "is none of sampling_temperature, top_p, repetition_penalty"),
        (lambda: PromptRange(high=(2.5, 0.9)), "leaves what a control allows"),
        (lambda: PromptRange(names=("repetition_penalty",), low=(0.5,), high=(1.5,)), "leaves what a control allows"),
        (lambda: network()(torch.zeros(2, 3, 5), torch.zeros(2, 5)), r"shape \[2, 5\]; this belief network needs"),
    ],
)
def test_what_does_not_fit_is_named(make, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_the_group_has_no_order_and_any_size(scrambled, draw) -> None:
    encoder = scrambled(GroupEncoder(4, 6, heads=2), 1)
    beliefs = draw(5, 3, 4)
    plain = encoder(beliefs)
    assert plain.shape == (5, 6)
    for order in permutations(range(3)):
        torch.testing.assert_close(encoder(beliefs[:, list(order)]), plain, rtol=0, atol=1e-10)
    for size in (1, 7):
        assert encoder(draw(5, size, 4)).shape == (5, 6)
    alike = beliefs[:, :1]
    torch.testing.assert_close(encoder(alike.expand(5, 9, 4)), encoder(alike), rtol=0, atol=1e-10)


def test_beliefs_of_a_group_are_read_together(scrambled, draw) -> None:
    """E is no mean of separate encodings: attention lets one belief change what another contributes."""
    encoder = scrambled(GroupEncoder(4, 6, heads=2), 1)
    beliefs = draw(5, 2, 4)
    apart = torch.stack([encoder(beliefs[:, [i]]) for i in range(2)]).mean(0)
    assert (encoder(beliefs) - apart).abs().max() > 1e-2
    beliefs.requires_grad_(True)
    encoder(beliefs).sum().backward()
    assert beliefs.grad is not None and (beliefs.grad.abs().amax(-1) > 0).all()
