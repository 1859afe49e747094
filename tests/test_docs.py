"""What the documentation shows can be run: team files load, commands parse, names that are imported exist."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import typer.main

from equipoise.cli.main import build
from equipoise.cli.reading import split_methods
from equipoise.methods.method import parse
from equipoise.team.team import Team

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[object]:
    """Fenced blocks of a language, each named after its page and line."""
    return [
        pytest.param(match[2], id=f"{page.name}:{text[: match.start()].count(chr(10)) + 1}")
        for page in PAGES
        for text in [page.read_text(encoding="utf-8")]
        for match in BLOCK.finditer(text)
        if match[1] == language
    ]


def commands() -> list[object]:
    """Lines of `equipoise …` in blocks without a language, with what a backslash continues."""
    return [
        pytest.param(line, id=f"{block.id}:{line[:40]}")  # type: ignore[attr-defined]
        for block in blocks("")
        for line in block.values[0].replace("\\\n", " ").splitlines()  # type: ignore[attr-defined]
        if line.startswith("equipoise ") and "…" not in line
    ]


@pytest.mark.parametrize("text", blocks("toml"))
def test_team_files_load(text: str) -> None:
    data = tomllib.loads(text)
    if "executor" in data:
        assert Team.from_dict(data).executors


def test_the_example_team_loads() -> None:
    team = Team.from_toml(ROOT / "examples" / "teams" / "endpoints.toml")
    assert [executor.name for executor in team.executors] == ["mini", "haiku", "local"]
    assert team.strategy_text("careful").startswith("Think")


@pytest.mark.parametrize("text", blocks("python"))
def test_imports_in_examples_exist(text: str) -> None:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("equipoise"):
            module = import_module(node.module)
            for name in node.names:
                assert hasattr(module, name.name) or import_module(f"{node.module}.{name.name}")


def test_the_method_that_is_shown_is_the_example() -> None:
    page = (ROOT / "docs" / "adding_a_method.md").read_text(encoding="utf-8")
    assert (ROOT / "examples" / "own_method.py").read_text(encoding="utf-8") in page


@pytest.mark.parametrize("line", commands())
def test_commands_parse(line: str) -> None:
    _, *words = shlex.split(line, comments=True)
    group = typer.main.get_command(build())
    context = group.make_context("equipoise", list(words))
    name, verb, rest = group.resolve_command(context, list(words))  # type: ignore[attr-defined]
    if hasattr(verb, "commands"):
        _, verb, rest = verb.resolve_command(context, rest)
    given = verb.make_context(name, rest, resilient_parsing=False).params
    if isinstance(given.get("methods"), str):
        assert all(parse(method) for method in split_methods(given["methods"]))
