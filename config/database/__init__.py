"""PostgreSQL as Django speaks to it, with statements that the server plans once, and fewer questions on the way."""
