"""Heads against rows: finds heads whose row is gone, and makes heads and counters anew.

``orphans.py`` finds and mends heads that lost their row, ``rebuild.py`` makes all heads anew from
the bronze tables, ``counters.py`` counts the catalog and the days anew, ``places.py`` names the
tables and keeps loaders out meanwhile, ``command.py`` is the verb ``bronze rebuild-heads``.
"""
