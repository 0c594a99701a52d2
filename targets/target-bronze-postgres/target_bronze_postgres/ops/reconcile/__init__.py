"""``bronze reconcile``: reads days of a source afresh and compares them with bronze.

The tap is run with an empty STATE for these days, and a day more on each side, since its days are
the person's and ours are UTC. Its messages go through the loader's own reading, hashing and look-up
of heads, and are compared instead of loaded:

- missing: the lineage has no head, or a head whose row is gone,
- changed: its content differs from the head's, or one of the two is deleted,
- vanished: a living record of these days did not come, though its stream was read to the end.

What was read stands in ``bronze_ops.reconciled_records`` until the comparison ends, committed
together with the tap's STATE; so a spent quota or a kill costs nothing, and the next run goes on.

``command.py`` is the verb, ``tap.py`` runs the tap, ``comparing.py`` compares, ``store.py`` keeps
what was found, ``reach.py`` tells whether a stream was read to its end, ``cost.py`` what reading
costs, ``fixing.py`` loads and buries, ``report.py`` tells.
"""
