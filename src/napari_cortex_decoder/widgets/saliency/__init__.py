"""The section *Saliency*: what is asked of a decoder, bars, results as files."""
