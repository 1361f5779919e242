"""Evaluates one model: its bound, its likelihood, the use of its code, and what a probe reads."""

from vae_keras.evaluation.annealing import annealed_nll, annealing_gap
from vae_keras.evaluation.code_use import (
    code_figures,
    kl_parts,
    mean_kl_per_dimension,
    mutual_information,
)
from vae_keras.evaluation.likelihood import convergence, likelihood_figures
from vae_keras.evaluation.losses import evaluate

__all__ = [
    "annealed_nll",
    "annealing_gap",
    "code_figures",
    "convergence",
    "evaluate",
    "kl_parts",
    "likelihood_figures",
    "mean_kl_per_dimension",
    "mutual_information",
]
