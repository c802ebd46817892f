"""Every measure once: AUC, calibration, bouts, and the nulls beside them.

Importing this package loads no torch.
"""
