"""Saving recordings, and caching what preprocessing computes."""
