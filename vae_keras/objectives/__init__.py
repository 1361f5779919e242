"""What is minimised and measured: likelihoods and divergences, per example and in nats."""
