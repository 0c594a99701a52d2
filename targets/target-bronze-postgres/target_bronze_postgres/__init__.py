"""Singer target that keeps every version of every raw record in PostgreSQL."""
