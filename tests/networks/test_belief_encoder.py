"""The belief encoder: causal, blind to padding, the last tokens only, an oracle of plain attention, its seeds."""

from __future__ import annotations

from time import perf_counter

import pytest
import torch
from torch.nn import functional as F

from equipoise.errors import InputError
from equipoise.networks.belief_encoder import BeliefEncoder, BeliefEncoderSettings
from equipoise.networks.history import last

SMALL = {"belief": 6, "width": 16, "heads": 2, "feedforward": 24, "context": 7}


def encoder(seed: int = 1, **changes):
    settings = {"features": 5, **SMALL, **changes}
    return BeliefEncoder(BeliefEncoderSettings(**settings), seed=seed).double().eval()


def test_defaults_are_the_papers() -> None:
    settings = BeliefEncoderSettings(vocabulary=100)
    assert (settings.layers, settings.heads, settings.width, settings.belief, settings.context) == (
        2,
        4,
        256,
        256,
        2048,
    )
    layers = list(BeliefEncoder(settings).blocks.layers)
    assert len(layers) == 2
    assert not torch.equal(layers[0].linear1.weight, layers[1].linear1.weight)


def test_later_tokens_change_no_earlier_belief(draw) -> None:
    model, history = encoder(), draw(3, 6, 5)
    before, _ = model.along(history)
    changed = history.clone()
    changed[:, 4:] += 1.0
    after, _ = model.along(changed)
    torch.testing.assert_close(after[:, :5], before[:, :5], rtol=0, atol=1e-12)
    assert (after[:, 5:] - before[:, 5:]).abs().amax(-1).min() > 1e-3


def test_every_prefix_has_the_belief_of_its_own_history(draw) -> None:
    model, history = encoder(), draw(2, 6, 5)
    along, lengths = model.along(history)
    assert lengths.tolist() == [6, 6]
    for time in range(7):
        torch.testing.assert_close(model(history[:, :time]), along[:, time], rtol=0, atol=1e-12)


@pytest.mark.parametrize("features", [5, None])
def test_padding_anywhere_changes_nothing(features: int | None, draw) -> None:
    model = encoder(features=features, vocabulary=None if features else 9)
    rows = [draw(n, 5) if features else torch.arange(n) * 3 % 9 for n in (2, 5, 0, 4)]
    alone = torch.cat([model(row[None]) for row in rows])
    places = [[1, 6], [0, 1, 2, 3, 4], [], [4, 5, 6, 7]]  # in the middle, left, none, right
    mask = torch.zeros(4, 8, dtype=torch.bool)
    history = draw(4, 8, 5) * 50 if features else torch.full((4, 8), 8)
    for row, tokens in enumerate(rows):
        mask[row, places[row]] = True
        history[row, places[row]] = tokens
    torch.testing.assert_close(model(history, mask), alone, rtol=0, atol=1e-12)
    _, lengths = model.along(history, mask)
    assert lengths.tolist() == [2, 5, 0, 4]


def test_only_the_last_tokens_are_read(draw) -> None:
    model, history = encoder(), draw(2, 12, 5)
    torch.testing.assert_close(model(history), model(history[:, -7:]), rtol=0, atol=1e-12)
    mask = torch.ones(2, 12, dtype=torch.bool)
    mask[0, [9, 11]] = False  # ten are left: the last seven of them count
    expected = model(history[:1, [2, 3, 4, 5, 6, 7, 8, 10]][:, -7:])
    torch.testing.assert_close(model(history, mask)[:1], expected, rtol=0, atol=1e-12)


def test_the_window_keeps_order_and_zeroes_the_rest() -> None:
    ids = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
    mask = torch.tensor([[True, False, True, True], [False, True, False, False]])
    kept, lengths = last(ids, mask, 2)
    assert kept.tolist() == [[3, 4], [6, 0]]
    assert lengths.tolist() == [2, 1]


def test_order_matters(draw) -> None:
    model, history = encoder(), draw(1, 5, 5)
    assert (model(history) - model(history[:, [1, 0, 2, 3, 4]])).abs().max() > 1e-3


def test_blocks_are_attention_as_written_down(draw) -> None:
    """One block against the equations, computed by hand head by head."""
    model = encoder(layers=1)
    x = draw(1, 4, 16)
    layer = model.blocks.layers[0]
    normed = F.layer_norm(x[0], (16,), layer.norm1.weight, layer.norm1.bias)
    q, k, v = (normed @ layer.self_attn.in_proj_weight.T + layer.self_attn.in_proj_bias).split(16, dim=-1)
    heads = []
    for head in range(2):
        part = slice(8 * head, 8 * head + 8)
        scores = q[:, part] @ k[:, part].T / 8**0.5
        seen = torch.ones(4, 4, dtype=torch.bool).tril()
        heads.append(torch.softmax(scores.where(seen, float("-inf")), -1) @ v[:, part])
    y = x[0] + layer.self_attn.out_proj(torch.cat(heads, -1))
    inner = F.layer_norm(y, (16,), layer.norm2.weight, layer.norm2.bias)
    y = y + layer.linear2(F.gelu(layer.linear1(inner), approximate="tanh"))
    expected = F.layer_norm(y, (16,), model.blocks.norm.weight, model.blocks.norm.bias)
    torch.testing.assert_close(model.blocks(x)[0], expected, rtol=0, atol=1e-12)


def test_the_same_in_training_and_inference_and_by_seed(draw) -> None:
    history = draw(2, 5, 5)
    model = encoder(seed=4)
    with torch.inference_mode():
        silent = model(history)
    torch.testing.assert_close(model.train()(history), silent, rtol=0, atol=0)
    torch.manual_seed(99)
    expected_next = torch.rand(3)
    torch.manual_seed(99)
    again = encoder(seed=4)
    assert torch.equal(torch.rand(3), expected_next)  # the global generator was given back
    assert torch.equal(again(history), model(history))
    assert not torch.equal(encoder(seed=5)(history), model(history))


def test_every_parameter_is_trained(draw) -> None:
    model = encoder()
    model(draw(3, 7, 5)).pow(2).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda draw: BeliefEncoderSettings(), "name `vocabulary` or `features`"),
        (lambda draw: BeliefEncoderSettings(vocabulary=3, features=3), "name `vocabulary` or `features`"),
        (lambda draw: encoder(heads=3), "width 16 is no multiple of 3 heads"),
        (lambda draw: encoder()(draw(2, 4, 3)), r"shape \[2, 4, 3\]; this belief encoder reads \[batch, time, 5\]"),
        (lambda draw: encoder()(draw(2, 4, 5), torch.ones(2, 3, dtype=torch.bool)), r"of shape \[2, 3\]"),
        (lambda draw: encoder()(draw(2, 4, 5), torch.ones(2, 4)), r"torch.float32 of shape \[2, 4\]"),
    ],
)
def test_what_does_not_fit_is_named(make, message: str, draw) -> None:
    with pytest.raises(InputError, match=message):
        make(draw)


def test_a_batch_of_256_passes_quickly() -> None:
    """A sanity bound, ten times what one core needs: 256 histories of 32 vectors with the paper's sizes."""
    model = BeliefEncoder(BeliefEncoderSettings(features=64)).eval()
    history = torch.randn(256, 32, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        model(history[:8])
        start = perf_counter()
        belief = model(history)
    assert belief.shape == (256, 256)
    assert perf_counter() - start < 15.0
