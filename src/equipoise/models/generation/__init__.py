"""Generation with small models on the CPU. Imports torch: the provider imports this package when a model is made."""

from equipoise.models.generation.decoding import Sampling
from equipoise.models.generation.engine import Engine, Generated, engine

__all__ = ["Engine", "Generated", "Sampling", "engine"]
