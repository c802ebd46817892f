"""Behaviour measured beside a movie: reading, alignment, run and rest from speed."""
