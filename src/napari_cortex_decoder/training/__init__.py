"""Training: cached frames, augmentation, the paper's two stages, and the bundled decoder's recipe."""
