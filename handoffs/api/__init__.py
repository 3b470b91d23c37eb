"""The door for programs: JSON over HTTP. It parses, fetches through access, calls one action or query, renders."""
