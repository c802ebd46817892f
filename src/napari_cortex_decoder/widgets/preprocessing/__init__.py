"""The group *Preprocessing*: steps and their settings, preview, the recording they make."""
