"""The section *Sessions*: every recording at hand, and what is done to all of them."""
