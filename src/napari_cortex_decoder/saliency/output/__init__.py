"""Results as tables, figures, videos and NWB."""
