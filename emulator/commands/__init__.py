"""The commands beside `serve`, as functions of what they are given: they start fast, and only cli.py prints."""
