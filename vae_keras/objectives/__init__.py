"""What is minimised, per example and in nats: likelihoods, and schedules of weights."""
