"""Ways to coordinate, one file each. The contract is `method.py`; a new method is one new file."""
