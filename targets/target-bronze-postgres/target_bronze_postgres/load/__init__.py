"""Loading: from messages to committed rows."""
