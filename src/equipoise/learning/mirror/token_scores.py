"""What a model says about tokens that are there already: log-probabilities, entropies, hidden states, in one pass.

    log π(x_ℓ | h_ℓ) = f(h_ℓ)[x_ℓ] − log Σ_v exp f(h_ℓ)[v]        H(π(·|h_ℓ)) = log Σ_v exp f − Σ_v π_v f_v

with f the logits at the prefix h_ℓ, divided by the temperature. Both are exact: nothing is sampled or truncated.

Cost: one forward pass over prompts and tokens, O(R n (P + n d D)) for R rows of n positions, P parameters, width d and
depth D. The logits would be the largest thing in memory, R T V numbers (16 rows of 1,024 tokens with a vocabulary of
150,000: 10 GB, several times over with gradients). So the head is applied to a chunk of valid tokens at a time, and
where gradients flow through more than one chunk, each is computed again on the way back instead of being kept (as in
Chen et al., "Training deep nets with sublinear memory cost", 2016). Padding is never multiplied with the head.
Rows with equal prompts share them, where they go through the model together: see `shared_prompts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from equipoise.learning.mirror.rollouts import Rollouts
from equipoise.learning.mirror.shared_prompts import states_before

_LOGITS = 1 << 26
"""Most logits in work at a time: 256 MiB in float32."""


@dataclass(frozen=True, kw_only=True)
class TokenScores:
    """Scores of the tokens of R rollouts, padded to T tokens; 0 where the rollouts' mask is False.

    Attributes:
        log_probabilities: of each token given its prefix, in nats. [R, T]
        entropies: of the distribution each token was drawn from, in nats. [R, T]
        hidden: last hidden state at the prefix before each token, what predicted it; only if asked. [R, T, d]
    """

    log_probabilities: Tensor
    entropies: Tensor
    hidden: Tensor | None


def token_scores(
    model: Any,
    rollouts: Rollouts,
    *,
    rows: Sequence[int] | Tensor | None = None,
    temperature: float = 1.0,
    hidden: bool = False,
    chunk: int = 16,
) -> TokenScores:
    """Scores of rollouts under a causal language model; gradients flow unless torch.no_grad says otherwise.

    Args:
        model: a wrapped model as `AdaptedModels` yields it, or a plain one of transformers.
        rollouts: of this model's tokenizer.
        rows: numbers of the rows wanted, in the order wanted; all when None.
        temperature: divides the logits; the one that sampled, so that scores are those of what was played.
        hidden: whether the last hidden states are wanted too.
        chunk: most rows in one forward pass. With gradients it saves nothing but padding: give fewer rows instead.
    """
    chosen = rollouts if rows is None else rollouts.select(rows)
    sizes = chosen.prompt_mask.sum(-1) + chosen.mask.sum(-1)
    order = sizes.argsort(stable=True)
    parts = [_part(model, chosen.select(some), temperature, hidden) for some in order.split(chunk)]
    back = order.argsort()
    columns = chosen.tokens.shape[1]
    joined = [torch.cat([_widened(part, columns) for part in kind])[back] for kind in zip(*parts, strict=True)]
    return TokenScores(log_probabilities=joined[0], entropies=joined[1], hidden=joined[2] if hidden else None)


def _part(model: Any, rollouts: Rollouts, temperature: float, hidden: bool) -> tuple[Tensor, ...]:
    """Log-probabilities, entropies and, if wanted, hidden states of some rows; only as wide as these rows are."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    before = states_before(causal, rollouts)
    tokens, mask = rollouts.tokens[:, : before.shape[1]], rollouts.mask[:, : before.shape[1]]
    places = mask.nonzero(as_tuple=True)
    scored = _scored(causal, before[places], tokens[places], temperature)
    grids = [torch.zeros(mask.shape, dtype=each.dtype, device=each.device).index_put(places, each) for each in scored]
    return (*grids, before * mask[..., None]) if hidden else tuple(grids)


def _scored(causal: Any, states: Tensor, tokens: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies of N tokens from the hidden states before them, a chunk at a time."""
    head, config = causal.get_output_embeddings(), causal.config
    size = max(1, _LOGITS // head.weight.shape[0])
    pieces = list(zip(states.split(size), tokens.split(size), strict=True))
    again = len(pieces) > 1 and torch.is_grad_enabled()
    done = [
        checkpoint(_of_chunk, head, config, *piece, temperature, use_reentrant=False)
        if again
        else _of_chunk(head, config, *piece, temperature)
        for piece in pieces
    ]
    log_probabilities, entropies = zip(*done, strict=True)
    return torch.cat(log_probabilities), torch.cat(entropies)


def _of_chunk(head: Any, config: Any, states: Tensor, tokens: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    logits = _shaped(head(states), config)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature
    log_all = torch.log_softmax(logits, -1)
    chosen = log_all.gather(-1, tokens[:, None])[:, 0]
    return chosen, -(log_all.exp() * log_all).sum(-1)


def _shaped(logits: Tensor, config: Any) -> Tensor:
    """Logits as the families that reshape them do: scaled (Cohere, Granite) or capped softly (Gemma 2)."""
    if (scale := getattr(config, "logit_scale", None)) is not None:
        logits = logits * scale
    if (divisor := getattr(config, "logits_scaling", None)) is not None:
        logits = logits / divisor
    if (cap := getattr(config, "final_logit_softcapping", None)) is not None:
        logits = torch.tanh(logits / cap) * cap
    return logits


def _widened(part: Tensor, columns: int) -> Tensor:
    """A part with zeros appended up to T columns."""
    missing = columns - part.shape[1]
    if missing <= 0:
        return part[:, :columns]
    return torch.cat([part, part.new_zeros(part.shape[0], missing, *part.shape[2:])], 1)
