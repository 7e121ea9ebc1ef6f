"""Recorded requests and responses: exchanges, their index and filters, waits, and retry sequences."""
