"""Mirror fine-tuning (DICE-FT): adapters, rollouts, scores, objective and updates. Its modules import torch."""
