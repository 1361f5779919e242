"""What is minimised, per example and in nats: likelihoods, and schedules of weights."""

import vae_keras.models  # noqa: F401  (so that Keras knows them, too)
