"""The shapes of Garmin's answers: functions that turn facts into JSON, a module for each family."""
