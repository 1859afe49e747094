"""How an agent's `adapter` reaches the provider of its model. Needs neither torch nor PEFT.

    embedded/…   the provider's own argument: loaded with PEFT, checked against the base, merged
    hf/…         transformers loads a folder with an adapter together with the base that its config names
    vllm/…       Inspect's name for it, "vllm/BASE:/folder"; its server keeps the base once for all adapters

Other providers play what is on somebody's server, under a name: there an adapter is part of that name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from equipoise.errors import InputError

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"


def with_adapter(model: str, args: Mapping[str, Any], adapter: str | None) -> tuple[str, dict[str, Any]]:
    """The model name and the provider's arguments with which a model plays an adapter; as they are without one.

    Args:
        model: Inspect's name of the base, such as "embedded/abacus".
        args: the provider's arguments.
        adapter: folder in PEFT's format.

    Raises:
        InputError: no adapter in the folder, one of another base, or a provider that takes none.
    """
    if adapter is None:
        return model, dict(args)
    provider, _, name = model.partition("/")
    folder = Path(adapter).resolve()
    if provider == "embedded":
        return model, {**args, "adapter": str(folder)}
    if provider == "vllm":
        return f"{model}:{folder}", dict(args)
    if provider != "hf":
        raise InputError(
            f"'{model}' cannot take the adapter '{adapter}': a model behind an API plays what its server holds. Name "
            "an embedded/…, hf/… or vllm/… model, or serve the base with the adapter and give the name it is served by."
        )
    named, of = str(args.get("model_path") or name), str(read_config(folder).get("base_model_name_or_path"))
    if named != of:
        raise InputError(f"the adapter in '{adapter}' belongs to the base '{of}', and not to '{named}'.")
    return model, {"tokenizer_path": named, **args, "model_path": str(folder)}


def read_config(folder: Path) -> dict[str, Any]:
    """The config of the adapter in a folder.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    file = folder / CONFIG
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"no adapter in '{folder}': it has no {CONFIG}. Name a folder in PEFT's format, such as one written by: "
            "equipoise export"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"'{file}' cannot be read: {error}. Export the adapter again.") from None
    if not isinstance(config, dict):
        raise InputError(f"'{file}' is damaged: it holds no JSON object. Export the adapter again.")
    return config


def digest(adapter: str) -> str:
    """SHA-256 of an adapter's weights: what it is, wherever it lies.

    Raises:
        InputError: they cannot be read.
    """
    file = Path(adapter) / WEIGHTS
    try:
        return sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"the adapter in '{adapter}' has no readable {WEIGHTS}: {error}.") from None
