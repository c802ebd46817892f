"""From recordings to probabilities: each image encoded once."""
