"""Traces of areas as recordings: their names, and the picture they are painted on."""
