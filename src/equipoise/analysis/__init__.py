"""Statistics over rows of results: tables in, tables out; no models, no logs, no files."""
