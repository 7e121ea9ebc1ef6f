"""State that determines the result of a request: calls, schemas, idempotency keys and subscriptions."""
