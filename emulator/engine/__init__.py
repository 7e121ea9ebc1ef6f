"""What happened here: exchanges, messages, calls, idempotency keys. Knows no HTTP library."""
