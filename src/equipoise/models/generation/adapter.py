"""LoRA adapters in PEFT's format on disk, and whether one belongs to a base model.

    W' = W + (α/r) B A        A [r, in], B [out, r], one pair for each adapted linear layer (Hu et al., 2021, eq. 3)

An adapter's numbers mean something on top of the very weights they were trained on. Shapes do not tell: models of one
family share them. So a base has a fingerprint, and adapters written here carry that of theirs in the metadata of their
safetensors file. An adapter from elsewhere carries none; of it, names and shapes are checked.

For playing, W' is formed once (`merged`): no cost at each token, for one copy of the weights per adapter.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors import SafetensorError, safe_open
from torch import nn

from equipoise.errors import InputError
from equipoise.models.adapters import WEIGHTS, read_config

FINGERPRINT = "equipoise.base_fingerprint"
"""Key in the metadata of an adapter's weights."""

_PREFIX = "base_model.model."
_SAMPLED = 64
"""Numbers of each tensor that a fingerprint reads: all of a large model would take minutes."""


def fingerprint(model: nn.Module) -> str:
    """What tells a base model from others, as 16 hexadecimal digits; the same in float32, float64 and bfloat16.

    SHA-256 over names, shapes and 64 evenly spaced numbers of every parameter, rounded to bfloat16. The model must not
    be wrapped yet: adapters rename parameters.
    """
    told = sha256()
    for name, parameter in sorted(model.named_parameters()):
        flat = parameter.detach().reshape(-1)
        places = torch.linspace(0, flat.numel() - 1, min(_SAMPLED, flat.numel()), dtype=torch.float64).long()
        sampled = flat[places.to(flat.device)].to(torch.bfloat16).cpu().view(torch.int16)
        told.update(f"{name} {list(parameter.shape)}".encode())
        told.update(sampled.numpy().tobytes())
    return told.hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class StoredAdapter:
    """A LoRA adapter in a folder, as far as it can be known without its numbers.

    Attributes:
        of: the base as its config names it.
        stamp: fingerprint of that base; None where an adapter carries none.
        shapes: of its tensors, by name.
    """

    folder: Path
    of: str
    stamp: str | None
    shapes: dict[str, tuple[int, ...]]

    def check_base(self, stamp: str, *, name: str) -> None:
        """Nothing, unless the adapter was trained on another base than `name` with the fingerprint `stamp`.

        Raises:
            InputError: it was.
        """
        if self.stamp not in (None, stamp):
            raise InputError(
                f"the adapter in '{self.folder}' belongs to another base than '{name}': it was trained on weights with "
                f"the fingerprint {self.stamp}, these have {stamp}. {self.advice}"
            )

    @property
    def advice(self) -> str:
        """Where the adapter can be played."""
        return f"It was trained on '{self.of}': play it on that, with the same weights."


def stored(folder: Path) -> StoredAdapter:
    """The adapter in a folder.

    Raises:
        InputError: no adapter, one of another kind than LoRA, or one that cannot be read.
    """
    config = read_config(folder)
    if (kind := config.get("peft_type")) != "LORA":
        raise InputError(f"the adapter in '{folder}' is of the kind {kind}. Only adapters of the kind LORA are played.")
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as held:
            carried = (held.metadata() or {}).get(FINGERPRINT)
            shapes = {key: tuple(held.get_slice(key).get_shape()) for key in held.keys()}  # noqa: SIM118  (no mapping)
    except (OSError, SafetensorError) as error:
        raise InputError(f"the adapter in '{folder}' cannot be read: {error}. Export it again.") from None
    of = config.get("base_model_name_or_path") or "an unnamed model"
    return StoredAdapter(folder=folder, of=str(of), stamp=carried, shapes=shapes)


def merged(model: Any, folder: Path, *, name: str) -> Any:
    """A causal language model with an adapter merged into its weights, in place, in evaluation mode.

    Raises:
        InputError: no adapter that can be read, or one of another base than `name`.
    """
    adapter = stored(folder)
    adapter.check_base(fingerprint(model), name=name)
    if fault := _misfit(model, adapter.shapes):
        raise InputError(f"the adapter in '{folder}' does not fit '{name}': {fault}. {adapter.advice}")
    with peft_quiet():
        return PeftModel.from_pretrained(model, str(folder)).merge_and_unload().eval()


@contextmanager
def peft_quiet() -> Iterator[None]:
    """A block without warnings of names that newer releases of transformers call otherwise, and PEFT does not yet."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`(is_)?gradient_checkpointing(_enable)?` is deprecated", FutureWarning)
        yield


def _misfit(model: nn.Module, shapes: dict[str, tuple[int, ...]]) -> str | None:
    """The first pair of factors that no linear layer of the model takes."""
    layers = dict(model.named_modules())
    for key, shape in shapes.items():
        place, found, factor = key.removeprefix(_PREFIX).partition(".lora_")
        if not found or factor not in ("A.weight", "B.weight"):
            continue
        layer = layers.get(place)
        if not isinstance(layer, nn.Linear):
            return f"the base has no linear layer '{place}'"
        wanted = layer.in_features if factor == "A.weight" else layer.out_features
        width = shape[1] if factor == "A.weight" else shape[0]
        if wanted != width:
            side = "reads" if factor == "A.weight" else "writes"
            return f"its layer '{place}' {side} {width} numbers, that of the base {wanted}"
    return None
