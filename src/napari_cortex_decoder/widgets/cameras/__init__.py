"""The mouse beside its cortex: cameras in panes of their own, on the slider's clock."""
