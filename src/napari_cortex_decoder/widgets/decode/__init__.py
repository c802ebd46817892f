"""The section *Decode*: which decoder, where it computes, what it reads."""
