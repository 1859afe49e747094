"""Critics and the logit response: against `equipoise.games` to 1e-12, in limits, by gradients, agent by agent."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from equipoise.errors import InputError
from equipoise.games import response
from equipoise.games.layout import Layout
from equipoise.networks.critic import Critic, FeatureCritic, log_logit_response, logit_response, soft_value

STATES, AGENTS, CONTROLS = 4, 3, 5


def problem(scale: float = 1.0):
    """Q, per-state and per-agent temperatures over three decades, and references, all unequal."""
    rng = np.random.default_rng(5)
    q = rng.normal(size=(STATES, AGENTS, CONTROLS)) * 2
    temperature = 10.0 ** rng.uniform(-2, 1, size=(STATES, AGENTS)) * scale
    reference = rng.dirichlet(np.ones(CONTROLS), size=(STATES, AGENTS))
    return q, temperature, np.log(reference)


@pytest.mark.parametrize("scale", [1.0, 1e-5])
def test_response_and_soft_value_are_those_of_the_games(scale: float) -> None:
    q, temperature, log_reference = problem(scale)
    layout = Layout(tuple((CONTROLS,) * STATES for _ in range(AGENTS)))

    def flat(array: np.ndarray) -> np.ndarray:
        return np.swapaxes(array, 0, 1).reshape(-1)  # the layout runs through agents first

    heat = flat(temperature)
    logits = flat(log_reference) + flat(q) / layout.spread(heat)
    expected = heat * response.log_partition(logits, layout)
    arguments = (torch.tensor(q), torch.tensor(temperature), torch.tensor(log_reference))
    np.testing.assert_allclose(flat(soft_value(*arguments).numpy()), expected, rtol=0, atol=1e-12)
    policy = response.softmax(logits, layout)
    np.testing.assert_allclose(flat(logit_response(*arguments).numpy()), policy, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(flat(log_logit_response(*arguments).exp().numpy()), policy, rtol=1e-9, atol=1e-12)


def test_value_is_the_best_regularised_payoff() -> None:
    q, temperature, log_reference = map(torch.tensor, problem())
    policy = logit_response(q, temperature, log_reference)
    penalty = (policy * (log_logit_response(q, temperature, log_reference) - log_reference)).sum(-1)
    payoff = (policy * q).sum(-1) - temperature * penalty
    torch.testing.assert_close(payoff, soft_value(q, temperature, log_reference), rtol=0, atol=1e-12)


def test_temperatures_broadcast_by_agent_and_by_state() -> None:
    q, temperature, _ = map(torch.tensor, problem())
    by_agent = soft_value(q, temperature[0])
    for agent in range(AGENTS):
        torch.testing.assert_close(by_agent[:, agent], soft_value(q[:, agent], float(temperature[0, agent])))
    by_state = logit_response(q, temperature[:, :1])
    for state in range(STATES):
        torch.testing.assert_close(by_state[state], logit_response(q[state], float(temperature[state, 0])))


def test_the_papers_form_has_log_reference_zero() -> None:
    q = torch.tensor([0.3, -0.2, 1.1], dtype=torch.float64)
    expected = 0.7 * torch.log(torch.exp(q / 0.7).sum())
    torch.testing.assert_close(soft_value(q, 0.7, torch.zeros(())), expected, rtol=0, atol=1e-14)
    uniform = soft_value(q, 0.7) + 0.7 * torch.log(torch.tensor(3.0, dtype=torch.float64))
    torch.testing.assert_close(uniform, expected, rtol=0, atol=1e-14)


def test_cold_values_are_exact_and_shift_with_q() -> None:
    q = torch.tensor([[0.3, 0.1, -1.0], [1e6 + 0.25, 1e6, -1e6]], dtype=torch.float64)
    cold = soft_value(q, 1e-9)
    torch.testing.assert_close(cold, q.amax(-1), rtol=0, atol=2e-9)
    assert logit_response(q, 1e-9).argmax(-1).tolist() == [0, 0]
    shifted = soft_value(q[0] + 1e6, 0.2) - 1e6
    torch.testing.assert_close(shifted, soft_value(q[0], 0.2), rtol=0, atol=1e-9)


def test_gradient_of_the_value_is_the_policy() -> None:
    q, temperature, log_reference = map(torch.tensor, problem())
    q.requires_grad_(True)
    (gradient,) = torch.autograd.grad(soft_value(q, temperature, log_reference).sum(), q)
    torch.testing.assert_close(gradient, logit_response(q, temperature, log_reference).detach(), rtol=1e-9, atol=1e-12)
    warm = temperature.clamp(min=0.3).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda q, t: soft_value(q, t, log_reference), (q, warm))
    assert torch.autograd.gradcheck(lambda q, t: logit_response(q, t, log_reference), (q, warm))


def test_controls_outside_the_reference_are_never_played() -> None:
    q = torch.tensor([0.2, 0.5, 9.0], dtype=torch.float64, requires_grad=True)
    reference = torch.tensor([0.4, 0.6, 0.0], dtype=torch.float64).log()
    policy = logit_response(q, 0.01, reference)
    assert policy[2] == 0.0
    value = soft_value(q, 0.01, reference)
    torch.testing.assert_close(value, soft_value(q[:2], 0.01, reference[:2]), rtol=0, atol=1e-14)
    (gradient,) = torch.autograd.grad(value, q)
    assert torch.isfinite(gradient).all() and gradient[2] == 0


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_must_be_positive(temperature: float) -> None:
    with pytest.raises(InputError, match="must be positive"):
        soft_value(torch.zeros(3), torch.tensor([temperature]))


def test_every_agent_has_its_own_perceptron(draw) -> None:
    critic = Critic(4, [3, 2, 5], hidden=(6, 7), seed=2).double()
    beliefs = draw(8, 3, 4)
    values = critic(beliefs)
    assert values.shape == (8, 3, 5)
    for agent, count in enumerate([3, 2, 5]):
        x = beliefs[:, agent]
        for number, layer in enumerate(critic.values.layers):
            x = x @ layer.weight[agent] + layer.bias[agent]
            x = F.gelu(x) if number < 2 else x
        torch.testing.assert_close(values[:, agent, :count], x[:, :count], rtol=0, atol=1e-12)


def test_an_agents_loss_trains_its_own_parameters_only(draw) -> None:
    critic = FeatureCritic(3, 4, 2, hidden=(6,), seed=2).double()
    critic(draw(8, 3, 4), draw(8, 3, 5, 2))[:, 1].pow(2).sum().backward()
    for parameter in critic.parameters():
        touched = parameter.grad.flatten(1).abs().amax(1) > 0
        assert touched.tolist() == [False, True, False]


def test_unequal_control_sets_are_masked(draw) -> None:
    critic = Critic(4, [3, 1, 2], seed=2).double()
    assert critic.available.tolist() == [[True, True, True], [True, False, False], [True, True, False]]
    policy = logit_response(critic(draw(6, 3, 4)), 0.1, critic.log_uniform)
    assert (policy[:, ~critic.available] == 0).all()
    torch.testing.assert_close(policy.sum(-1), torch.ones(6, 3, dtype=torch.float64))
    torch.testing.assert_close(critic.log_uniform.exp().sum(-1), torch.ones(3, dtype=torch.float64))
    critic(draw(6, 3, 4)).sum().backward()
    assert (critic.values.layers[-1].bias.grad[~critic.available] == 0).all()
    with pytest.raises(InputError, match="at least one"):
        Critic(4, [3, 0])


def test_features_are_scored_as_belief_and_features_side_by_side(draw) -> None:
    critic = FeatureCritic(2, 4, 3, hidden=(6, 5), seed=3).double()
    beliefs, features = draw(7, 2, 4), draw(2, 9, 3)
    values = critic(beliefs, features)
    assert values.shape == (7, 2, 9)
    together = torch.cat([beliefs[:, :, None].expand(-1, -1, 9, -1), features.expand(7, -1, -1, -1)], dim=-1)
    weight = torch.cat([critic.from_belief.weight, critic.from_features.weight], dim=1)
    hidden = torch.einsum("sacf,afo->saco", together, weight) + critic.from_belief.bias[:, None]
    torch.testing.assert_close(critic.rest(F.gelu(hidden))[..., 0], values, rtol=0, atol=1e-12)
    order = torch.tensor([3, 1, 8, 0, 2, 4, 7, 6, 5])
    torch.testing.assert_close(critic(beliefs, features[:, order]), values[..., order], rtol=0, atol=1e-12)


def test_a_critic_learns_a_table() -> None:
    """Regression on one-hot states reaches the table, and the logit response its equilibrium reply."""
    table = torch.tensor([[[0.1, 0.9], [0.4, 0.2]], [[0.8, 0.3], [0.0, 1.0]]])  # [state, agent, control]
    states = torch.eye(2)[:, None].expand(2, 2, 2)
    critic = Critic(2, [2, 2], hidden=(16,), seed=0)
    optimiser = torch.optim.Adam(critic.parameters(), lr=1e-2)
    for _ in range(400):
        optimiser.zero_grad()
        (critic(states) - table).pow(2).mean().backward()
        optimiser.step()
    torch.testing.assert_close(critic(states), table, rtol=0, atol=1e-2)
    torch.testing.assert_close(logit_response(critic(states), 0.3), logit_response(table, 0.3), rtol=0, atol=2e-2)
