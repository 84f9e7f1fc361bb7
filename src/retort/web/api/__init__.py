"""The JSON API: its routes, the messages they take and give, and the OpenAPI document."""
