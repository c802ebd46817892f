"""Features on the disk, so that a second decode encodes nothing."""
