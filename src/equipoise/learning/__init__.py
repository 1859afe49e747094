"""Learning how a team is asked: rollouts, replay, trainers. Trainers need the extra `local`."""
