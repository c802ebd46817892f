"""What a `Workspace` puts on the viewer's canvas: layers, text, mouse and keys."""
