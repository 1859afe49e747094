"""`equipoise solve`: what it prints for readers and machines, exit codes, the picture, what it says of mistakes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from equipoise import games

Run = Callable[..., tuple[int, str, str]]

PENNIES = {
    "kind": "normal_form",
    "payoffs": [[[9.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]],
    "tau": [1.5, 0.4],
    "name": "pennies",
    "note": "left alone",
}
ROW, COLUMN = 0.7248062181, 0.2452643234
"""P(first action) of both agents at τ = (1.5, 0.4), from the specification."""


def told(run: Run, *words: str) -> dict[str, Any]:
    code, out, err = run("solve", *words, "--json")
    assert code == 0, err
    return json.loads(out)


@pytest.fixture
def pennies(tmp_path: Path) -> str:
    file = tmp_path / "pennies.json"
    file.write_text(json.dumps(PENNIES), encoding="utf-8")
    return str(file)


def test_an_entry_brings_its_temperatures_and_json_has_every_name(in_process: Run, pennies: str) -> None:
    found = told(in_process, pennies)
    assert found["status"] == "converged" and found["message"].startswith("Converged")
    names = {"profile", "values", "residual", "gap", "certificates", "exploitability", "spectrum", "temperatures"}
    assert names <= set(found)
    assert found["certificates"] == games.certify(games.library.asymmetric_matching_pennies(), [1.5, 0.4]).as_json()
    assert found["profile"][0][0] == pytest.approx(ROW, abs=1e-9)
    assert found["profile"][1][0] == pytest.approx(COLUMN, abs=1e-9)
    p, q = ROW, COLUMN
    assert found["values"] == pytest.approx([9 * p * q + (1 - p) * (1 - q), p * (1 - q) + (1 - p) * q], abs=1e-8)
    assert found["residual"] < 1e-12 and max(found["gap"]) < 1e-12


@pytest.mark.parametrize(
    ("written", "temperatures"),
    [("0.7", [0.7, 0.7]), ("0.7,2", [0.7, 2.0]), ("[0.7, 2]", [0.7, 2.0]), ("[2,2]", [2, 2])],
)
def test_temperatures_on_the_line_rule(in_process: Run, pennies: str, written: str, temperatures: list[float]) -> None:
    found = told(in_process, pennies, "--temperature", written)
    assert found["temperatures"] == temperatures
    direct = games.solve(games.library.asymmetric_matching_pennies(), temperatures)
    np.testing.assert_allclose(np.array(found["profile"]), np.array(direct.profile), atol=1e-11)


def test_continuation_and_temperatures_of_states(in_process: Run) -> None:
    heats = [[0.1, 1.0]]
    for continuation, stays_cool in (("soft", False), ("kl", True), ("plain", True)):
        words = ("library:heat_seeking", "-t", json.dumps(heats), "--continuation", continuation)
        to_hot = told(in_process, *words)["profile"][0][0][1]
        assert to_hot == pytest.approx(0.5, abs=1e-9) if stays_cool else to_hot > 0.98


def test_all_finds_the_three_of_pure_coordination(in_process: Run) -> None:
    found = told(in_process, "library:pure_coordination", "-t", "0.4", "--all")
    firsts = sorted(equilibrium["profile"][0][0] for equilibrium in found["equilibria"])
    assert firsts == pytest.approx([0.14479410825606, 0.5, 0.85520589174394], abs=1e-9)
    assert "3 equilibria" in found["message"]


def test_trace_reports_the_pitchfork_of_its_branch_and_with_all_the_fold_of_another(in_process: Run) -> None:
    found = told(in_process, "library:pure_coordination", "-t", "0.4", "--trace")
    assert found["branch"]["arrived"] and found["branch"]["factors"][0] is None
    [pitchfork] = found["branch"]["bifurcations"]
    assert pitchfork["kind"] == "pitchfork"
    assert pitchfork["temperatures"] == pytest.approx([0.5, 0.5], abs=1e-8)
    np.testing.assert_allclose(found["branch"]["profiles"][-1], found["profile"], atol=1e-9)
    every = told(in_process, "library:stag_hunt", "-t", "0.5", "--all", "--trace")
    assert every["branch"]["bifurcations"] == []
    [fold] = every["bifurcations"]
    assert fold["kind"] == "fold" and fold["temperatures"][0] == pytest.approx(0.64247245488593, abs=1e-8)


def test_a_file_of_many_games_needs_a_name(in_process: Run, tmp_path: Path) -> None:
    other = PENNIES | {"name": "warm", "tau": [9.0, 9.0]}
    (tmp_path / "many.json").write_text(json.dumps({"games": [PENNIES, other]}), encoding="utf-8")
    assert told(in_process, "many.json", "--entry", "warm")["temperatures"] == [9.0, 9.0]
    code, _, err = in_process("solve", "many.json")
    assert code == 2 and "holds 2 games. Name one with --entry: pennies, warm" in err
    code, _, err = in_process("solve", "many.json", "--entry", "warn")
    assert code == 2 and "Did you mean 'warm'" in err


@pytest.mark.parametrize("verb", ["solve", "certify"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"games": null}', "must hold a list of games"),
        ('{"games": []}', "one at least"),
        ('{"games": {"a": 1}}', "must hold a list of games"),
        ('{"games": [{"name": [1]}, {"name": {}}]}', "holds 2 games"),
        ('{"kind": "normal_form", "payoffs": NaN, "tau": 1}', "payoffs is nan"),
    ],
)
def test_files_that_are_no_game_are_told_in_one_line(
    in_process: Run, tmp_path: Path, verb: str, text: str, message: str
) -> None:
    (tmp_path / "bad.json").write_text(text, encoding="utf-8")
    code, out, err = in_process(verb, "bad.json")
    assert (code, out) == (2, "") and message in err and len(err.splitlines()) == 1


def test_nfg_and_npz_are_read_by_their_ending(in_process: Run, tmp_path: Path) -> None:
    (tmp_path / "g.nfg").write_text('NFG 1 R "x" { "a" "b" } { 2 2 } 9 0 0 1 0 1 1 0', encoding="utf-8")
    np.savez(tmp_path / "g.npz", payoffs=np.array(PENNIES["payoffs"]), temperatures=np.array([1.5, 0.4]))
    for words in (("g.nfg", "-t", "1.5,0.4"), ("g.npz",)):
        assert told(in_process, *words)["profile"][0][0] == pytest.approx(ROW, abs=1e-9)


def test_for_readers_a_table_and_sentences(in_process: Run, pennies: str) -> None:
    code, out, _ = in_process("solve", pennies, "--trace")
    assert code == 0
    for expected in ("agent 0", "agent 1", "0.724806", "0.245264", "Converged: this is", "no fold", "ertified"):
        assert expected in out
    code, out, _ = in_process("solve", "library:stag_hunt", "-t", "0.5", "--all", "--trace")
    assert "equilibrium 3 of 3" in out and "fold at τ = 0.642472454" in out and "no proof" in out


def test_unconverged_is_said_and_exits_with_1(in_process: Run) -> None:
    words = ("solve", "library:asymmetric_matching_pennies", "-t", "0.05", "--method", "mirror_descent")
    code, out, _ = in_process(*words)
    assert code == 1 and "Not converged" in out
    code, out, _ = in_process(*words, "--json")
    assert code == 1 and json.loads(out)["status"] != "converged"


def test_the_picture_is_an_svg_with_the_fold_marked(in_process: Run, tmp_path: Path) -> None:
    code, out, _ = in_process("solve", "library:stag_hunt", "-t", "0.5", "--all", "--plot", "hunt.svg")
    assert code == 0 and "hunt.svg" in out
    text = (tmp_path / "hunt.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    for expected in (">fold<", ">temperature<", ">probability<", ">agent 1, action 0<"):
        assert expected in text
    in_process("solve", "library:coordination_with_tastes", "-t", "[[1,2],[1,1]]", "--plot", "types.svg")
    assert ">temperatures asked, times<" in (tmp_path / "types.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("absent.json",), "cannot read 'absent.json'"),
        (("game.txt",), "cannot read 'game.txt'"),
        (("library:stag_hunt",), "names no temperatures. Add --temperature"),
        (("library:stag",), "Did you mean 'stag_hunt'"),
        (("library:stag_hunt", "-t", "warm"), "cannot read the temperatures 'warm'"),
        (("library:stag_hunt", "-t", "[0.5, true]"), "cannot read the temperatures"),
        (("library:stag_hunt", "-t", "0.5,-1"), "temperature of agent 1 is -1"),
        (("library:stag_hunt", "-t", "1,2,3"), "temperatures has 3 entries; the game has 2 agents"),
        (("library:stag_hunt", "-t", "1", "--method", "newtn"), "Did you mean 'newton'"),
        (("library:stag_hunt", "-t", "1", "--all", "--method", "newton"), "Leave out --method, or --all"),
        (("library:stag_hunt", "-t", "1", "--plot", "no/where.svg"), "its folder does not exist"),
        (("library:stag_hunt", "-t", "1", "--continuation", "hard"), "no continuation 'hard'"),
        (("library:stag_hunt", "-t", "1", "--entry", "x"), "--entry names one game"),
    ],
)
def test_mistakes_exit_with_2_and_a_sentence(in_process: Run, words: tuple[str, ...], message: str) -> None:
    code, out, err = in_process("solve", *words)
    assert code == 2 and not out
    assert message in " ".join(err.split())


def test_a_wrong_entry_of_a_file_is_named(in_process: Run, tmp_path: Path) -> None:
    payoffs = [[[1.0, 0.0], [0.0, math.nan]], [[1.0, 0.0], [0.0, 1.0]]]
    (tmp_path / "bad.json").write_text(json.dumps(PENNIES | {"payoffs": payoffs}), encoding="utf-8")
    code, _, err = in_process("solve", "bad.json")
    assert code == 2 and "payoffs[0][1][1] is nan" in err
    (tmp_path / "bad.json").write_text('{"kind": ', encoding="utf-8")
    code, _, err = in_process("solve", "bad.json")
    assert code == 2 and "is not JSON" in err


def test_every_entry_of_the_reference_file_to_1e_8(in_process: Run, reference_file: Path) -> None:
    for entry in json.loads(reference_file.read_text(encoding="utf-8"))["games"]:
        found = told(in_process, str(reference_file), "--entry", entry["name"], "--all")
        ours = [_flat(equilibrium["profile"]) for equilibrium in found["equilibria"]]
        for solution in entry["solutions"]:
            assert min(np.abs(one - _flat(solution)).max() for one in ours) < 1e-8


def _flat(nested: Any) -> np.ndarray:
    return np.concatenate([np.asarray(rows, dtype=np.float64).reshape(-1) for rows in nested])
