"""What models minimise, per example: likelihoods and plain losses; and schedules of weights."""

import vae_keras.models  # noqa: F401  (so that Keras can load the models, too)
