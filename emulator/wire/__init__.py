"""Twilio's formats and rules: pure values and functions. Standard library and python-multipart; no I/O or clock."""
