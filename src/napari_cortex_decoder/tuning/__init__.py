"""Fine-tuning: from a decoder and labels of one's own to a decoder that knows this mouse."""
