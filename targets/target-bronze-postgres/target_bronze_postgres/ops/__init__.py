"""The ``bronze`` command: what is done with a bronze layer beside loading it."""
