"""Training of the embedded models: small causal language models, from scratch, on puzzles made by code."""
