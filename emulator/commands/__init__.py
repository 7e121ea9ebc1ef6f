"""All commands except `serve`, as pure functions where possible: they start fast, and only cli.py prints."""
