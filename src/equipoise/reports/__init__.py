"""Results as one self-contained HTML page and as a table for the terminal."""
