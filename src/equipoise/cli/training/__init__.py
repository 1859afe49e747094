"""What `equipoise train` can train, one file each."""
