"""Explanations of failed waits, and descriptions of retry sequences."""
