"""What areas and places are worth to a decoder, and whether that may be believed."""
