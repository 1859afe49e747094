"""One file per verb, with `add_to(app)`. A new verb is one new file."""
