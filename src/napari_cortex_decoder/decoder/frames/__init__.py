"""Images as a decoder sees them: read in order, resampled, normalized."""
