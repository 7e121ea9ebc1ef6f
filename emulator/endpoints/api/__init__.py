"""The JSON records of the control API: the server renders them, the OpenAPI document and the Python client use them."""
