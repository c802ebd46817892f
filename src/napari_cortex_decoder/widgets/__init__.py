"""Everything on screen: views of one evented `Workspace` per viewer. No science here."""
