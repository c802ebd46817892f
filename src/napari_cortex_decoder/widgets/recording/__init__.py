"""The section *Recording*: the open movie, its questions, its speed, saving it."""
