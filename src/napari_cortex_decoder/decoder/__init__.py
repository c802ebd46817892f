"""Decoders: network, file and the engine that reads behaviour from a movie."""
