"""Translate the stored configuration of a model of version 0.1, so that its files still load."""

from typing import Any

NOT_TAKEN = ("trainable",)  # Keras stored it; the constructors do not take it


def renamed(config: dict[str, Any]) -> dict[str, Any]:
    """Give the configuration of a .keras file of version 0.1 the names that constructors take now.

    A newer configuration is returned unchanged. Version 0.1 counted the warm-up of beta in steps:
    the new configuration counts in epochs of one step each.
    """
    config = {name: value for name, value in config.items() if name not in NOT_TAKEN}
    if "image_shape" in config:
        config["example_shape"] = config.pop("image_shape")
    if isinstance(config.get("likelihood"), dict):
        config["reconstruction"] = config.pop("likelihood")
    if "beta_warmup_steps" in config:
        warmup, cycle = config.pop("beta_warmup_steps"), config.pop("beta_cycle_steps")
        steps = config.pop("sampling_steps", 2 * cycle)
        cycles = round(steps / cycle) if cycle else 1
        config |= dict(beta_warmup=warmup, beta_cycles=cycles, epochs=steps, steps_per_epoch=1)
    return config
