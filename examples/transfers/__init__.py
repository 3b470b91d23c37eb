"""The transfer bot: sends transfers to a bank that times out, and hands over what it cannot send."""
