"""Singer tap for Garmin Connect: activities, sleep and body data, exactly as Garmin sends them."""
