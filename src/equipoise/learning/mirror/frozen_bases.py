"""Base models of executors: where they are found, and what training needs of them before any adapter is laid on.

A team talks in chats, so a base needs a chat template; rows are padded, so its tokenizer needs a pad token, for which
the end mark serves where there is none: padding is masked everywhere, and what ends a response is counted by masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.utils.logging import disable_progress_bar

from equipoise.errors import InputError, UnknownName
from equipoise.learning.mirror.out_of_memory import memory_told
from equipoise.models.embedded import WEIGHTS, list_embedded
from equipoise.models.generation.adapter import fingerprint
from equipoise.team.agent import Agent

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}
"""Of the frozen weights; adapters are never below float32."""

_DROPOUTS = ("dropout", "_pdrop", "dropout_prob", "dropout_rate")
"""How configs call a base's own dropouts; they are set to 0, since what plays must be what is trained."""


@dataclass(frozen=True, kw_only=True)
class FrozenBase:
    """A base model, loaded.

    Attributes:
        name: as asked for.
        model: a causal language model of transformers without gradients.
        tokenizer: with chat template, end mark and pad token.
        stamp: the weights' fingerprint.
        bytes: of parameters and buffers.
        note: what was set because the base does not say it; empty when nothing was.
    """

    name: str
    model: Any
    tokenizer: Any
    stamp: str
    bytes: int
    note: str


def base_of(agent: Agent) -> str:
    """The base behind an agent, as `load_base` takes it.

    Raises:
        InputError: the agent's weights are somebody else's.
    """
    provider, _, name = agent.model.partition("/")
    folder = {"embedded": "path", "hf": "model_path"}.get(provider)
    if folder is None:
        raise InputError(
            f"'{agent.name}' plays {agent.model}, whose weights are not here to be trained. Name an embedded/… or hf/… "
            "model in the team file; what is trained can then be served elsewhere."
        )
    return str(agent.model_args.get(folder) or (agent.model if provider == "embedded" else name))


def load_base(name: str, *, device: torch.device, dtype: str) -> FrozenBase:
    """A base model on a device.

    Args:
        name: "embedded/NAME", "hf/NAME", a folder, or a name on the Hugging Face hub.
        device: where it shall be.
        dtype: "float32", "bfloat16" or "float64".

    Raises:
        InputError: it cannot be loaded, or has no chat template or no end mark.
        UnknownName: no such embedded model or dtype.
        OutOfMemory: it does not fit.
    """
    if dtype not in DTYPES:
        raise UnknownName("dtype", dtype, DTYPES)
    place = _place(name)
    tokenizer, note = _tokenizer(place, name)
    lower = "Take a smaller base, dtype bfloat16, or let executors share a base."
    with memory_told(f"loading of '{name}'", lower=lower):
        model = _causal_model(place, name, DTYPES[dtype]).to(device).requires_grad_(False)
    size = sum(map(bytes_of, [*model.parameters(), *model.buffers()]))
    return FrozenBase(name=name, model=model, tokenizer=tokenizer, stamp=fingerprint(model), bytes=size, note=note)


def device_of(name: str) -> torch.device:
    """The device of a name such as "cpu", "cuda" or "cuda:1".

    Raises:
        InputError: this machine, or this build of torch, has none of that name.
    """
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        held = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        raise InputError(
            f"the device '{name}' cannot be used: {str(error).splitlines()[0]}. This machine has: {', '.join(held)}."
        ) from None
    return device


def bytes_of(tensor: Tensor) -> int:
    """Bytes of a tensor's numbers."""
    return tensor.numel() * tensor.element_size()


def _place(name: str) -> str:
    """Where transformers finds a base: a folder, or a name on the hub."""
    if name.startswith("embedded/"):
        short = name.removeprefix("embedded/")
        if short not in list_embedded():
            raise UnknownName("embedded model", short, list_embedded())
        return str(WEIGHTS / short)
    return name.removeprefix("hf/")


def _tokenizer(place: str, name: str) -> tuple[Any, str]:
    try:
        tokenizer = AutoTokenizer.from_pretrained(place)
    except (OSError, ValueError) as error:
        raise _unloadable(name, error) from None
    if tokenizer.chat_template is None:
        raise InputError(
            f"'{name}' has no chat template, and a team talks in chats. Take the instruction-tuned version of this "
            "model, or put a chat_template.jinja into a copy of its folder and name that."
        )
    if tokenizer.eos_token_id is None:
        raise InputError(f"the tokenizer of '{name}' has no end mark (eos_token). Set one in a copy of its folder.")
    if tokenizer.pad_token_id is not None:
        return tokenizer, ""
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, f"'{name}' has no pad token: its end mark '{tokenizer.eos_token}' pads, masked everywhere."


def _causal_model(place: str, name: str, dtype: torch.dtype) -> Any:
    disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(place)
        for key, value in vars(config).items():
            if key.endswith(_DROPOUTS) and isinstance(value, float):
                setattr(config, key, 0.0)
        model = AutoModelForCausalLM.from_pretrained(place, config=config, dtype=dtype, attn_implementation="sdpa")
    except (OSError, ValueError) as error:
        raise _unloadable(name, error) from None
    # A base's own taste in decoding (top_k, penalties) would sample from another distribution than is trained.
    model.generation_config = GenerationConfig(eos_token_id=model.generation_config.eos_token_id)
    return model


def _unloadable(name: str, error: Exception) -> InputError:
    embedded = ", ".join(f"embedded/{short}" for short in list_embedded())
    return InputError(
        f"the base model '{name}' cannot be loaded: {str(error).splitlines()[0]} Name a folder with a causal language "
        f"model, a name on the Hugging Face hub, or one of: {embedded}."
    )
