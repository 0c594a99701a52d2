"""What one record is: its content, its identity, its times, its quality. No database here."""
