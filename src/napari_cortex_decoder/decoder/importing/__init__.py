"""Decoders made of published weights; nothing in their files is executed."""
