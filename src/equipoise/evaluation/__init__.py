"""Methods × tasks × seeds, run through Inspect and read back from its logs."""
