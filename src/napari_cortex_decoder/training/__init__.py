"""Training: cached frames, augmentation, the paper's two stages, the bundled decoder's recipe."""
