"""The *Timeline*: speed, labels, probabilities and traces under the movie."""
