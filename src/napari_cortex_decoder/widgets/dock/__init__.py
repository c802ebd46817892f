"""What the dock shows of a `Workspace`: its sections, their groups and tables."""
