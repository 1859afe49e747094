"""Adapters out of a training folder, in PEFT's format: `adapter_config.json`, `adapter_model.safetensors`, a card.

What a checkpoint keeps suffices, so no base is loaded: so that of a 32B model takes seconds anywhere.
The weights are float32 and carry the fingerprint of their base (see `models.generation.adapter`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as save_bytes
from torch import Tensor

from equipoise.errors import InputError
from equipoise.models.adapters import CONFIG, WEIGHTS
from equipoise.models.generation.adapter import FINGERPRINT
from equipoise.networks import checkpoint
from equipoise.whole_files import replace

CARD = "README.md"

BEST = "best."
"""In front of the tensors to export, where they are not those trained last."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """One adapter on disk: of which executor, on which base, and where."""

    name: str
    base: str
    folder: Path


def adapter_key(executor: int, name: str) -> str:
    """The name of an adapter's tensor in a checkpoint."""
    return f"adapter-{executor}-{name}"


def adapter_states(tensors: Mapping[str, Tensor], executors: int) -> list[dict[str, Tensor]]:
    """Each executor's adapter among a checkpoint's tensors."""
    marks = [adapter_key(i, "") for i in range(executors)]
    return [{key.removeprefix(mark): tensors[key] for key in tensors if key.startswith(mark)} for mark in marks]


def export_run(run: str | Path, out: str | Path, *, last: bool = False) -> tuple[Exported, ...]:
    """The adapters of a training folder, each now in a folder of its own under `out`, called like its executor.

    Args:
        run: what `equipoise train mirror` wrote.
        out: made if absent; adapters of the same names are written over.
        last: those trained last, where others did best.

    Raises:
        InputError: no checkpoint, a damaged one, or one of another trainer.
    """
    run, out = Path(run), Path(out)
    place = next(filter(checkpoint.exists, (run, run / "checkpoint")), run)
    config = checkpoint.read_config(place)
    described = config.get("adapters")
    tensors = checkpoint.load_tensors(place)
    best = {key.removeprefix(BEST): tensor for key, tensor in tensors.items() if key.startswith(BEST)}
    states = adapter_states(tensors if last or not best else best, len(described or []))
    if not described or not all(states):
        raise InputError(f"'{run}' holds no adapters. Name a folder that was written by: equipoise train mirror")
    told = config.get("cards", {}).get("last" if last else "best", {})
    done = []
    for executor, state, folder in zip(described, states, _folders(out, described), strict=True):
        write_adapter(folder, state, executor, card=card(executor, told))
        done.append(Exported(name=executor["name"], base=executor["base"], folder=folder))
    return tuple(done)


def write_adapter(folder: Path, state: Mapping[str, Tensor], described: Mapping[str, Any], *, card: str) -> None:
    """Nothing; the folder then holds an adapter in PEFT's format, and the card as README.md.

    Args:
        folder: made if absent; what it holds is written over.
        state: the LoRA parameters by PEFT's names.
        described: by `AdaptedModels.described`.
        card: Markdown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    of = described["base"].removeprefix("hf/")
    config = described["config"] | {"base_model_name_or_path": of, "inference_mode": True}
    plain = {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in state.items()}
    replace(folder / WEIGHTS, save_bytes(plain, metadata={"format": "pt", FINGERPRINT: described["stamp"]}))
    replace(folder / CONFIG, json.dumps(config, indent=2, sort_keys=True).encode())
    replace(folder / CARD, card.encode())


def card(described: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """A card in Markdown that names base, task and numbers, and how the adapter is played.

    Args:
        described: by `AdaptedModels.described`.
        told: "task" and "numbers", a mapping of labels to numbers or texts; either may be absent.
    """
    base, config = described["base"].removeprefix("hf/"), described["config"]
    task = _said(told.get("task", "an unnamed task"))
    rows = [f"| {_said(label)} | {_said(value)} |" for label, value in told.get("numbers", {}).items()]
    table = ["", "| | |", "|---|---|", *rows] if rows else []
    played = described["base"] if described["base"].startswith(("embedded/", "hf/")) else f"hf/{base}"
    return "\n".join(
        [
            "---",
            f"base_model: {json.dumps(base)}",
            "library_name: peft",
            'tags: ["lora", "equipoise"]',
            "---",
            "",
            f"# {_said(described['name'])}: an adapter of {_said(base)}",
            "",
            f"A LoRA adapter (rank {config['r']}, alpha {config['lora_alpha']}, all linear layers), trained on {task} "
            "together with the other executors of its team by mirror fine-tuning (DICE-FT).",
            *table,
            "",
            f"It belongs to these weights of the base only: fingerprint `{described['stamp']}`.",
            "",
            "In a team file of equipoise:",
            "",
            "```toml",
            "[[executor]]",
            f"name = {json.dumps(described['name'], ensure_ascii=False)}",
            f"model = {json.dumps(played)}",
            'adapter = "this folder"',
            "```",
            "",
            "With PEFT: `PeftModel.from_pretrained(base, folder)`, where `base` is the loaded base model.",
            "",
        ]
    )


def _said(value: Any) -> str:
    """A value as one line of Markdown text in which nothing is markup."""
    text = f"{value:.4g}" if isinstance(value, float) else " ".join(str(value).split())
    return re.sub(r"([\\`*_<>|\[\]#])", r"\\\1", text)


def _folders(out: Path, described: Sequence[Mapping[str, Any]]) -> list[Path]:
    """A folder for each executor: its name as far as a file name may hold it, numbered where two would be one."""
    names = [re.sub(r"[^\w.-]+", "-", executor["name"]).strip(".-") or "executor" for executor in described]
    distinct = len({name.casefold() for name in names}) == len(names)
    return [out / (name if distinct else f"{number}-{name}") for number, name in enumerate(names, start=1)]
