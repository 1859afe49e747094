"""equipoise: makes a team of language models work as a team, and proves it.

    from equipoise import Team, play_sync
    episode = play_sync("What is 17 * 23?", Team.from_toml("team.toml"), method="debate")
    print(episode.answer, episode.output_tokens)

Names are imported on first use, so that `import equipoise` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equipoise.playing import play, play_sync
    from equipoise.team.episode import Episode, Turn
    from equipoise.team.problem import Problem
    from equipoise.team.team import Team

__version__ = "0.1.0"
__all__ = ["Episode", "Problem", "Team", "Turn", "play", "play_sync"]

_HOMES = {
    "Episode": "equipoise.team.episode",
    "Problem": "equipoise.team.problem",
    "Team": "equipoise.team.team",
    "Turn": "equipoise.team.episode",
    "play": "equipoise.playing",
    "play_sync": "equipoise.playing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'equipoise' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
