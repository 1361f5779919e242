"""What is minimised and measured, per example and in nats: likelihoods, and schedules of weights."""
