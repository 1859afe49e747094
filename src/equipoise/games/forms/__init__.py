"""The kinds of game, one file each; the contract is `game.py`."""
