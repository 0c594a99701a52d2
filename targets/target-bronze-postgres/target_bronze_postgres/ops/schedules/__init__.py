"""What runs the Meltano schedules: crontab lines or systemd units."""
