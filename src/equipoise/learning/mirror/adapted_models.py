"""The executors' models in training: one frozen base per distinct name, one LoRA adapter per executor on it.

    W_i = W + (α/r) B_i A_i        A_i [r, in] random, B_i [out, r] = 0 at the start (Hu et al., 2021, eq. 3)

so every executor begins as the frozen reference exactly, and the reference stays at hand by leaving the adapters out.
Memory of N executors on one base with P parameters: P + N·p, where p = r Σ (in + out) over all linear layers, against
N·P for N models; `memory` says both in bytes. Switching between adapters costs a walk over the layers.

Which adapter plays is a state of the wrapped model. The contexts `playing`, `training` and `reference` set it and put
back what was before, so that a forward pass always says whose it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from jinja2 import TemplateError
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from torch import Tensor, nn

from equipoise.errors import InputError
from equipoise.learning.mirror.exporting import adapter_key, adapter_states
from equipoise.learning.mirror.frozen_bases import DTYPES, base_of, bytes_of, device_of, load_base
from equipoise.models.adapters import WEIGHTS
from equipoise.models.generation.adapter import peft_quiet, stored
from equipoise.networks.seeding import seeded
from equipoise.team.agent import Agent


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes of parameters and buffers.

    Attributes:
        bases: all distinct bases, each counted once.
        adapters: all executors' adapters.
        separate: what the executors would take as models of their own.
    """

    bases: int
    adapters: int
    separate: int


class AdaptedModels:
    """Executors' models: one frozen base per distinct name, one LoRA adapter per executor.

    Args:
        bases: for each executor "embedded/NAME", "hf/NAME", a folder, or a name on the Hugging Face hub.
        names: of the executors, as many.
        rank: r of the adapters.
        alpha: α of the adapters.
        device: torch's name, such as "cpu", "cuda" or "cuda:1".
        dtype: "float32", "bfloat16" or "float64".
        seed: of the adapters' first weights.
        gradient_checkpointing: activations are computed twice and kept once: less memory, about a third more time.

    Attributes:
        names: of the executors.
        device: of all models.
        dtype: of all bases.
        notes: what was set because a base does not say it, one sentence each; to be shown to the user.

    Raises:
        InputError: a base that cannot be loaded, has no chat template or no usable pad token; an unknown device.
        UnknownName: an unknown embedded model or dtype.
        OutOfMemory: the bases do not fit.
    """

    def __init__(
        self,
        bases: Sequence[str],
        *,
        names: Sequence[str],
        rank: int = 16,
        alpha: int = 32,
        device: str = "cpu",
        dtype: str = "float32",
        seed: int = 0,
        gradient_checkpointing: bool = False,
    ) -> None:
        if not bases or len(bases) != len(names):
            raise InputError(f"{len(bases)} bases for {len(names)} executors. Name one base for each executor.")
        self.names = tuple(names)
        self.device = device_of(device)
        lora = {"r": rank, "lora_alpha": alpha, "target_modules": "all-linear"}
        bases_of = {name: load_base(name, device=self.device, dtype=dtype) for name in dict.fromkeys(bases)}
        self.dtype = DTYPES[dtype]
        wrapped: dict[str, PeftModel] = {}
        for number, name in enumerate(bases):
            # Executors' own first weights, whoever else is in the team.
            first = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
            with seeded(first), peft_quiet():
                config = LoraConfig(task_type="CAUSAL_LM", **lora)  # PEFT writes into it: one for each
                if name in wrapped:
                    wrapped[name].add_adapter(_adapter(number), config)
                    continue
                model = bases_of[name].model
                if gradient_checkpointing:
                    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
                wrapped[name] = get_peft_model(model, config, adapter_name=_adapter(number))
        self._bases = [bases_of[name] for name in bases]
        self._models = [wrapped[name] for name in bases]
        self.notes = tuple(base.note for base in bases_of.values() if base.note)
        self._parameters = [_lora_of(model, number) for number, model in enumerate(self._models)]

    @classmethod
    def of(cls, agents: Sequence[Agent], **how: Any) -> Self:
        """The models of a team's agents; `how` are the arguments beside bases and names.

        Raises:
            InputError, UnknownName, OutOfMemory: see there; or an agent's weights are somebody else's.
        """
        return cls([base_of(agent) for agent in agents], names=[agent.name for agent in agents], **how)

    def tokenizer(self, i: int) -> Any:
        """The tokenizer of an executor; it has a pad token and an end mark."""
        return self._bases[i].tokenizer

    def prompt(self, i: int, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Token ids of a chat of {"role", "content"}, up to where the executor's response begins.

        Raises:
            InputError: the base's chat template refuses the chat, such as one with a system message.
        """
        chat = [dict(message) for message in messages]
        tokenizer, how = self._bases[i].tokenizer, {"add_generation_prompt": True, "tokenize": True}
        try:
            return list(tokenizer.apply_chat_template(chat, **how, return_dict=False))
        except TemplateError as error:
            raise InputError(
                f"the chat template of '{self._bases[i].name}' refuses what '{self.names[i]}' is asked: {error}. If it "
                "takes no system message, leave the executor's instructions out of the team file."
            ) from None

    def ends(self, i: int) -> list[int]:
        """Token ids that end a response: the tokenizer's end mark, and what the base itself names."""
        own = self._models[i].generation_config.eos_token_id
        named = own if isinstance(own, list) else [own]
        return sorted({self._bases[i].tokenizer.eos_token_id, *named} - {None})

    def context(self, i: int) -> int:
        """Most tokens of prompt and response together."""
        config = self._bases[i].model.config.get_text_config()
        return int(getattr(config, "max_position_embeddings", None) or 1 << 30)

    @contextmanager
    def playing(self, i: int) -> Iterator[PeftModel]:
        """A block with the executor's wrapped model, its adapter active, in evaluation mode."""
        with self._active(i, training=False) as model:
            yield model

    @contextmanager
    def training(self, i: int) -> Iterator[PeftModel]:
        """A block as `playing`, in training mode, in which the executor's adapter takes gradients.

        Backward passes belong inside: what is computed twice is computed by the adapter that is active then.
        """
        with self._active(i, training=True) as model:
            yield model

    @contextmanager
    def reference(self, i: int) -> Iterator[PeftModel]:
        """A block with the executor's frozen base: adapters left out, evaluation mode. What training started from."""
        with self._active(i, training=False) as model, model.disable_adapter():
            yield model

    @contextmanager
    def _active(self, i: int, *, training: bool) -> Iterator[PeftModel]:
        model = self._models[i]
        before, was_training = model.active_adapter, model.training
        _activate(model, _adapter(i), training=training)
        try:
            yield model
        finally:
            _activate(model, str(before), training=was_training)

    def parameters(self, i: int) -> list[nn.Parameter]:
        """The executor's LoRA parameters, in the order of `state`."""
        return list(self._parameters[i].values())

    def state(self, i: int) -> dict[str, Tensor]:
        """A copy of the executor's LoRA parameters in the CPU's memory, by PEFT's names on disk."""
        return {name: parameter.detach().to("cpu", copy=True) for name, parameter in self._parameters[i].items()}

    def tensors(self) -> dict[str, Tensor]:
        """All executors' LoRA parameters under the names by which checkpoints keep them."""
        return {adapter_key(i, name): tensor for i in range(len(self.names)) for name, tensor in self.state(i).items()}

    def restore_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Nothing; all executors' adapters then are those among a checkpoint's tensors.

        Raises:
            InputError: as `restore`.
        """
        for i, state in enumerate(adapter_states(tensors, len(self.names))):
            self.restore(i, state)

    def restore(self, i: int, state: Mapping[str, Tensor]) -> None:
        """Nothing; the executor's LoRA parameters then are those of `state`, in place, so optimisers stay valid.

        Raises:
            InputError: names or shapes that are not this adapter's; nothing has changed then.
        """
        wanted = self._parameters[i]
        said = {name: tuple(tensor.shape) for name, tensor in state.items()}
        if said != {name: tuple(parameter.shape) for name, parameter in wanted.items()}:
            raise InputError(
                f"these are not the weights of the adapter of '{self.names[i]}' on '{self._bases[i].name}': names or "
                "shapes differ. Build the models with the rank and the base that the weights were saved with."
            )
        with torch.no_grad():
            for name, parameter in wanted.items():
                parameter.copy_(state[name])

    def load(self, i: int, folder: str | Path) -> None:
        """Nothing; the executor's adapter then is the one in a folder that `exporting` wrote.

        Raises:
            InputError: no adapter, one of another base, or one of another rank.
        """
        folder = Path(folder)
        base = self._bases[i]
        stored(folder).check_base(base.stamp, name=base.name)
        self.restore(i, load_file(folder / WEIGHTS))

    def described(self, i: int) -> dict[str, Any]:
        """What must be kept of an executor, beside its weights, to export its adapter later; JSON."""
        config = self._models[i].peft_config[_adapter(i)].to_dict()
        plain = {key: sorted(value) if isinstance(value, set) else value for key, value in config.items()}
        base = self._bases[i]
        return {"name": self.names[i], "base": base.name, "stamp": base.stamp, "config": json.loads(json.dumps(plain))}

    def memory(self) -> Memory:
        """Bytes of bases and adapters, and what separate models would take."""
        distinct = {id(base): base.bytes for base in self._bases}
        adapters = [sum(map(bytes_of, parameters.values())) for parameters in self._parameters]
        return Memory(
            bases=sum(distinct.values()),
            adapters=sum(adapters),
            separate=sum(base.bytes for base in self._bases),
        )


def _adapter(number: int) -> str:
    """PEFT's name of an executor's adapter; executors' own names may hold what module names cannot."""
    return f"executor_{number}"


def _activate(model: PeftModel, adapter: str, *, training: bool) -> None:
    if model.active_adapter != adapter:
        model.set_adapter(adapter)
    if model.training != training:
        model.train(training)


def _lora_of(model: PeftModel, number: int) -> dict[str, nn.Parameter]:
    """An executor's parameters by PEFT's names on disk, which leave the adapter's own name out."""
    mark = f".{_adapter(number)}."
    return {name.replace(mark, "."): held for name, held in model.named_parameters() if mark in name}
