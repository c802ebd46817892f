"""Pictures of where a decoder looks, and their controls."""
