"""``python -m tap_garmin``: the tap's command line."""

from tap_garmin.tap import TapGarmin

TapGarmin.cli()
