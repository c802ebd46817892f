"""The section *Label & fine-tune*: behaviors, editing, review, fine-tuning."""
