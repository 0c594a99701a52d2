"""``bronze serve``: health, metrics and a status page over HTTP, read-only.

snapshot   the figures of a moment, read at most every few seconds for all clients together
health     /health, JSON
metrics    /metrics, for Prometheus
page       /, HTML; calendar draws its days
app        the WSGI application: hosts, methods, headers
command    the verb: settings, the server, signals
"""
