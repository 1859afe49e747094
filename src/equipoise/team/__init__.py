"""Who plays, what they may do, what they said and what it cost."""
