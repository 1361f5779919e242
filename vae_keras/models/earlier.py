"""What the models of version 0.1 were called with, in the words of today."""

from typing import Any

NOT_TAKEN = ("trainable", "dtype")  # Keras's own, which no model of ours was ever given


def renamed(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration in a .keras file of version 0.1 as the constructors take it now.

    There the warm-up of beta was counted in steps, so an epoch of one step stands for each.
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
