"""`/docs`: Swagger UI from an installed package, so that it works without internet."""
