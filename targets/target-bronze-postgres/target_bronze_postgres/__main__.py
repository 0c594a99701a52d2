"""``python -m target_bronze_postgres``: the target's command line."""

from target_bronze_postgres.target import TargetBronzePostgres

TargetBronzePostgres.cli()
