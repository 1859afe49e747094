"""Checkpoints: what was saved comes back to the bit, and whatever does not fit is refused with nothing changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from equipoise.errors import InputError
from equipoise.networks import checkpoint
from equipoise.networks.critic import Critic
from equipoise.networks.mixer import MonotoneMixer


def modules(seed: int, controls: tuple[int, ...] = (3, 2)) -> dict[str, nn.Module]:
    return {"critic": Critic(4, controls, hidden=(5,), seed=seed), "mixer": MonotoneMixer(2)}


def states(held: dict[str, nn.Module]) -> list[torch.Tensor]:
    return [tensor.clone() for module in held.values() for tensor in module.state_dict().values()]


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, two) for one, two in zip(first, second, strict=True))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    extra = {"moments.0": torch.arange(3), "rng": torch.tensor([7], dtype=torch.uint8)}
    checkpoint.save(tmp_path / "run", modules(1), config={"controls": [3, 2], "rate": 0.1}, tensors=extra)
    return tmp_path / "run"


def test_what_was_saved_comes_back_to_the_bit(saved: Path) -> None:
    other = modules(2)
    assert not same(states(other), states(modules(1)))
    extra = checkpoint.load(saved, other)
    assert same(states(other), states(modules(1)))
    assert checkpoint.read_config(saved) == {"controls": [3, 2], "rate": 0.1}
    assert extra["moments.0"].tolist() == [0, 1, 2] and extra["rng"].dtype == torch.uint8
    assert set(extra) == {"moments.0", "rng"}


def test_the_files_are_plain_safetensors_and_json(saved: Path) -> None:
    content = json.loads((saved / "checkpoint.json").read_text())
    assert sorted(file.name for file in saved.iterdir()) == ["checkpoint.json", content["weights"]]
    held = load_file(saved / content["weights"])
    torch.testing.assert_close(held["mixer.raw_weights"], MonotoneMixer(2).raw_weights.detach())


def test_saving_again_replaces_and_a_killed_save_leaves_the_old(saved: Path, monkeypatch) -> None:
    written = checkpoint.replace

    def killed_before_the_json(file: Path, data: bytes) -> None:
        if file.suffix == ".json":
            raise KeyboardInterrupt
        written(file, data)

    monkeypatch.setattr(checkpoint, "replace", killed_before_the_json)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(saved, modules(9))
    monkeypatch.undo()
    held = modules(2)
    checkpoint.load(saved, held)
    assert same(states(held), states(modules(1)))
    checkpoint.save(saved, modules(9))
    checkpoint.load(saved, held)
    assert same(states(held), states(modules(9)))
    assert len(list(saved.iterdir())) == 2


def test_what_a_killed_save_left_behind_goes_with_the_next(saved: Path) -> None:
    (saved / "weights-0123456789abcdef.safetensors.partial").write_bytes(b"half")
    checkpoint.save(saved, modules(5))
    assert len(list(saved.iterdir())) == 2


def renamed(saved: Path) -> None:
    checkpoint.save(saved, {"critics": modules(1)["critic"], "mixer": MonotoneMixer(2)})


def reshaped(saved: Path) -> None:
    checkpoint.save(saved, modules(1, (3, 2, 2)))


def another_type(saved: Path) -> None:
    checkpoint.save(saved, {name: module.double() for name, module in modules(1).items()})


def another_version(saved: Path) -> None:
    content = json.loads((saved / "checkpoint.json").read_text())
    (saved / "checkpoint.json").write_text(json.dumps(content | {"version": 2}))


def incomplete(saved: Path) -> None:
    (saved / "checkpoint.json").write_text(json.dumps({"version": 1}))


def cut_json(saved: Path) -> None:
    (saved / "checkpoint.json").write_text((saved / "checkpoint.json").read_text()[:40])


def no_json(saved: Path) -> None:
    (saved / "checkpoint.json").unlink()


def weights_gone(saved: Path) -> None:
    next(saved.glob("*.safetensors")).unlink()


def one_bit_turned(saved: Path) -> None:
    file = next(saved.glob("*.safetensors"))
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (renamed, r"missing: critic.values.layers.0.bias; .*unexpected: critics.*; and \d more"),
        (reshaped, r"critic.values.layers.0.bias is float32 \[3, 5\], needed float32 \[2, 5\]"),
        (another_type, r"is float64 \[2, 5\], needed float32 \[2, 5\]"),
        (another_version, "has version 2; this release reads version 1"),
        (incomplete, "lacks weights, sha256 or config"),
        (cut_json, "is damaged"),
        (no_json, r"no checkpoint in .*: it has no checkpoint\.json"),
        (weights_gone, "has lost its weights"),
        (one_bit_turned, "its SHA-256 is not that of the JSON"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(damage, message: str, saved: Path) -> None:
    damage(saved)
    held = modules(2)
    before = states(held)
    with pytest.raises(InputError, match=message):
        checkpoint.load(saved, held)
    assert same(states(held), before)


def test_weights_are_only_ever_read_from_the_checkpoints_folder(saved: Path) -> None:
    outside = saved.parent / "outside.safetensors"
    outside.write_bytes(next(saved.glob("*.safetensors")).read_bytes())
    content = json.loads((saved / "checkpoint.json").read_text())
    (saved / "checkpoint.json").write_text(json.dumps(content | {"weights": "../outside.safetensors"}))
    with pytest.raises(InputError, match="has lost its weights"):
        checkpoint.load(saved, modules(2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"modules": {"a.b": nn.Linear(1, 1)}}, "cannot be called 'a.b'"),
        ({"modules": {"tensors": nn.Linear(1, 1)}}, "cannot be called 'tensors'"),
        ({"modules": {}, "config": {"rate": float("nan")}}, "must be JSON"),
        ({"modules": {}, "config": {"path": Path()}}, "must be JSON"),
    ],
)
def test_what_cannot_be_saved_is_named_and_nothing_is_written(arguments, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        checkpoint.save(tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()
