"""What decides about a request: calls, schemas, idempotency keys and subscriptions."""
