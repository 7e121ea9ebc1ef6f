"""State and history of the emulator: exchanges, messages, calls, idempotency keys. Imports no HTTP library."""
