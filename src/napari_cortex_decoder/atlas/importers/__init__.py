"""Atlases and transforms that other programs made."""
