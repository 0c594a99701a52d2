"""Reads what a person exported from Garmin, without any network.

    walk.py      finds files: folders, archives, archives in archives; refuses what is hostile
    archives.py  one ZIP archive as a stream, however deep it lies, and what may be read of it
    limits.py    how deep, how many, how large
    families.py  which JSON file is which stream, with keys and times: a table
    rows.py      the rows of a JSON file, one at a time
    index.py     one look at everything: kinds and hashes, and what is of no known kind
    seen.py      which files have been read, as the STATE keeps it
    streams.py   the streams

FIT files are decoded by ``fit.py`` and cut into records by ``parts.py`` of the folder above, which
the original files of the Personal API share. Nothing here sends a request; nothing there imports
this.
"""
