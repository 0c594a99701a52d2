"""Loads, against plain COPY; ``make bench`` runs them."""
