"""The invoice matcher: an automation that works with the desk through its HTTP API and webhooks alone."""
