"""Singer tap for Toggl Track: time entries and what they refer to, exactly as Toggl sends them."""
