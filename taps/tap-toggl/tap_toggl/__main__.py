"""``python -m tap_toggl``: the tap's command line."""

from tap_toggl.tap import TapToggl

TapToggl.cli()
