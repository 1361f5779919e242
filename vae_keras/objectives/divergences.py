"""Divergences between the approximate posterior and the prior."""

from keras import ops


def kl_to_standard_normal(z_mean, z_log_var):
    """KL[N(z_mean, exp(z_log_var)) ‖ N(0, I)] of each example, in nats.

    `z_mean`, `z_log_var` [batch, latent_dim]; returns [batch].
    Kingma and Welling 2014 (Auto-Encoding Variational Bayes), appendix B.
    """
    return ops.sum(kl_per_dimension(z_mean, z_log_var), axis=-1)


def kl_per_dimension(z_mean, z_log_var):
    """The same before the sum: [batch, latent_dim], in nats."""
    # The variance goes through the standard deviation, as in `Sampling`: z_log_var then has few
    # uses, and the order in which their gradients are added is the same in every process.
    variance = ops.square(ops.exp(0.5 * z_log_var))
    return 0.5 * (variance + ops.square(z_mean) - z_log_var - 1.0)
