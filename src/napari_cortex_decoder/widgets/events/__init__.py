"""What happens around events of the open recording."""
