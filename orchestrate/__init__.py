"""What starts the pipelines: Meltano runs one when it is told to, and has no scheduler."""
