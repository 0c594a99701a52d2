"""Singer messages: from bytes on stdin to typed messages."""
