"""What a decoder reads where parts of the cortex are missing."""
