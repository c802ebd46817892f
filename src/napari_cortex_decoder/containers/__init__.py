"""Files that hold arrays, opened as if an enemy had made them."""
