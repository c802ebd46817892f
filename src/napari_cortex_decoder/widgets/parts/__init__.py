"""What sections, models and layers are made of: buttons, colours, clocks, threads."""
