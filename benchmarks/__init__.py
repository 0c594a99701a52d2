"""Measurements against plain COPY, other loaders and the project's own bars: ``make bench``.

Each measurement is a module of ``benchmarks.measurements`` with a ``TITLE``, the ``SIZES`` of the
command line that it heeds, and a function ``measure`` that takes the
:class:`~benchmarks.bench.Bench` and yields figures; the list of them stands in that package.
Figures come from one machine in one go, alternating, as medians and ratios: absolute times of a
shared machine say little.
"""
