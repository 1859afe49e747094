"""Modules on disk: weights in safetensors, everything else in JSON, nothing pickled.

    folder/checkpoint.json                 version, config, name and SHA-256 of the weights
    folder/weights-<first of SHA-256>.safetensors

The JSON is written last and replaced in one step, and it names its weights: whenever a run is killed, the folder holds
one whole checkpoint, the old or the new. Keys of the weights are "module.parameter"; further tensors, such as an
optimiser's state, lie under "tensors.".

Loading is all or nothing and loud: a missing or unexpected key, another shape or dtype, another version or a damaged
file is an `InputError`, and no module has changed. Cost: O(parameters).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_bytes
from safetensors.torch import save as save_bytes
from torch import Tensor, nn

from equipoise.errors import InputError
from equipoise.whole_files import replace

VERSION = 1
"""Of the format; a reader takes its own version only."""

_FILE = "checkpoint.json"
_EXTRA = "tensors"


def save(
    folder: str | Path,
    modules: Mapping[str, nn.Module],
    *,
    config: Mapping[str, Any] | None = None,
    tensors: Mapping[str, Tensor] | None = None,
) -> Path:
    """The path of the checkpoint's JSON, written with its weights; the folder is made, an older checkpoint replaced.

    Args:
        folder: of this checkpoint alone.
        modules: by name; a name holds no dot and is not "tensors".
        config: what is needed to build the modules again, and whatever else; JSON without NaN or infinities.
        tensors: further tensors by name.

    Raises:
        InputError: a name that cannot be a key, or a config that is not JSON.
    """
    folder = Path(folder)
    held = _state(modules) | {f"{_EXTRA}.{name}": tensor for name, tensor in (tensors or {}).items()}
    weights = save_bytes({name: tensor.detach().cpu().contiguous() for name, tensor in held.items()})
    digest = sha256(weights).hexdigest()
    named = f"weights-{digest[:16]}.safetensors"
    content = {"version": VERSION, "weights": named, "sha256": digest, "config": dict(config or {})}
    try:
        text = json.dumps(content, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"the config of a checkpoint must be JSON: {error}.") from None
    folder.mkdir(parents=True, exist_ok=True)
    replace(folder / named, weights)
    replace(folder / _FILE, text.encode())
    for old in folder.glob("weights-*"):
        if old.name != named:
            old.unlink()
    return folder / _FILE


def exists(folder: str | Path) -> bool:
    """Whether a checkpoint was saved in a folder."""
    return (Path(folder) / _FILE).is_file()


def read_config(folder: str | Path) -> dict[str, Any]:
    """The config that a checkpoint was saved with.

    Raises:
        InputError: no checkpoint, one of another version, or damaged JSON.
    """
    return _content(Path(folder))["config"]


def load(folder: str | Path, modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """The further tensors of a checkpoint, on the CPU, after all its modules were filled.

    Args:
        folder: where it was saved.
        modules: by name, the same names as saved, built already; they stay on their devices.

    Raises:
        InputError: no checkpoint, another version, a damaged file, or keys, shapes or dtypes that do not fit; no module
            has changed then.
    """
    folder = Path(folder)
    held = _weights(folder, _content(folder))
    extra = {name: held.pop(name) for name in list(held) if name.startswith(f"{_EXTRA}.")}
    wanted = _state(modules)
    faults = [f"missing: {name}" for name in sorted(wanted.keys() - held.keys())]
    faults += [f"unexpected: {name}" for name in sorted(held.keys() - wanted.keys())]
    faults += [
        f"{name} is {_said(held[name])}, needed {_said(wanted[name])}"
        for name in sorted(held.keys() & wanted.keys())
        if _said(held[name]) != _said(wanted[name])
    ]
    if faults:
        shown = "; ".join(faults[:5]) + (f"; and {len(faults) - 5} more" if len(faults) > 5 else "")
        advice = "Build the modules from the checkpoint's own config."
        raise InputError(f"the checkpoint in '{folder}' does not fit these modules: {shown}. {advice}")
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(held[name])
    return {name.removeprefix(f"{_EXTRA}."): tensor for name, tensor in extra.items()}


def load_tensors(folder: str | Path) -> dict[str, Tensor]:
    """The further tensors of a checkpoint, on the CPU, without its modules.

    Raises:
        InputError: no checkpoint, another version, or a damaged file.
    """
    folder = Path(folder)
    held = _weights(folder, _content(folder))
    return {name.removeprefix(f"{_EXTRA}."): tensor for name, tensor in held.items() if name.startswith(f"{_EXTRA}.")}


def _state(modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """All parameters and persistent buffers by "module.parameter", as views of the modules' own."""
    state = {}
    for name, module in modules.items():
        if not name or "." in name or name == _EXTRA:
            raise InputError(f"a module of a checkpoint cannot be called '{name}': no dots, and not '{_EXTRA}'.")
        state |= {f"{name}.{key}": tensor for key, tensor in module.state_dict().items()}
    return state


def _content(folder: Path) -> dict[str, Any]:
    file = folder / _FILE
    if not exists(folder):
        raise InputError(f"no checkpoint in '{folder}': it has no {_FILE}. Name a folder that training wrote.")
    try:
        content = json.loads(file.read_text())
        version = content["version"]
        complete = {"weights", "sha256", "config"} <= content.keys()
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"'{file}' is damaged: {error!r}. Take an earlier checkpoint.") from None
    if version != VERSION:
        raise InputError(f"the checkpoint in '{folder}' has version {version}; this release reads version {VERSION}.")
    if not complete:
        raise InputError(f"'{file}' is damaged: it lacks weights, sha256 or config. Take an earlier checkpoint.")
    return content


def _weights(folder: Path, content: dict[str, Any]) -> dict[str, Tensor]:
    file = folder / Path(content["weights"]).name  # never outside the folder, whatever the JSON says
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"the checkpoint in '{folder}' has lost its weights: {error}.") from None
    if sha256(data).hexdigest() != content["sha256"]:
        raise InputError(f"'{file}' is damaged: its SHA-256 is not that of the JSON. Take an earlier checkpoint.")
    try:
        return load_bytes(data)
    except SafetensorError as error:
        raise InputError(f"'{file}' holds no weights: {error}.") from None


def _said(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
