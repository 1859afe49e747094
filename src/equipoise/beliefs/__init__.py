"""What the Coordinator believes and does about it: votes, weights, posteriors. Arrays in, arrays out."""
