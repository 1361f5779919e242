"""What a person would say of a run that has ended, from its figures."""

HARDLY = 0.95  # of the error of the mean image: no picture is told from another
EXACT = 1e-6  # of the error of the mean: PCA has as many numbers as an example, and is a copy
FALLING = 0.05  # of all that was gained was gained in the last fifth of the epochs
RISING = 0.05  # of all that was gained was lost again after the best epoch
FEWEST_EPOCHS = 10  # for a trend


def verdict(metrics: dict, history: dict) -> list[str]:
    """Lines on what went wrong, and what to try; none of what is as it should be.

    `metrics` are those of metrics.json, `history` has a list for each column of history.csv.
    """
    return [
        *_of_code(metrics),
        *_of_reconstruction(metrics, history),
        *_of_length(metrics, history),
    ]


def _of_code(metrics):
    if metrics.get("unused_dimensions") == metrics["latent_dim"]:
        yield (
            "the code has collapsed: every posterior is the prior, and the decoder ignores z; try "
            "a lower --beta, --beta-warmup over a third of the epochs, or --free-bits 0.1"
        )


def _of_reconstruction(metrics, history):
    if "squared_error" not in metrics:
        return
    error, mean, pca = (metrics[f"squared_error{of}"] for of in ("", "_of_mean_image", "_of_pca"))
    size = metrics["latent_dim"]
    more = "more data: it learns these by heart" if _has_risen(history) else "more --epochs"
    one = "row" if metrics.get("data_kind") == "numbers" else "image"
    yield (
        f"squared error of a reconstruction {error:.4g}; of the mean {one} {mean:.4g}, of PCA with "
        f"{size} number{'s' * (size > 1)} {pca:.4g}"
    )
    if error > HARDLY * mean:
        yield (
            f"the reconstructions are hardly better than the mean {one}: try a larger "
            f"--latent-dim, a lower --beta, or {more}"
        )
    elif error > pca > EXACT * mean:
        yield f"PCA does better with as many numbers: try a lower --beta, or {more}"


def _of_length(metrics, history):
    losses = history.get("val_loss", [])
    if len(losses) < FEWEST_EPOCHS:
        return
    best = min(range(len(losses)), key=losses.__getitem__)
    gained = losses[0] - losses[best]
    if gained <= 0:
        yield "the validation loss has never fallen: try a lower --learning-rate"
    elif _has_risen(history):
        yield (
            f"the validation loss was lowest in epoch {best + 1} of {len(losses)} and has risen by "
            f"{losses[-1] - losses[best]:.3g} since: "
            + ("that epoch is kept" if "best_epoch" in metrics else "--keep best would do better")
        )
    elif losses[-len(losses) // 5] - losses[best] > FALLING * gained:
        yield "the validation loss was still falling: more --epochs would do better"


def _has_risen(history) -> bool:
    """True if much of what the validation loss had gained was lost again at the end."""
    losses = history.get("val_loss", [])
    if len(losses) < FEWEST_EPOCHS:
        return False
    return losses[-1] - min(losses) > RISING * (losses[0] - min(losses)) > 0
