"""The section *Atlas*: which atlas, where it lies, single areas and their traces."""
