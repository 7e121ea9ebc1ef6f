"""`/docs`: Swagger UI from an installed package, without internet access."""
