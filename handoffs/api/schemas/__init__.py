"""The shapes of the contract as JSON Schemas: bodies are checked by them, and the OpenAPI document is made of them."""
