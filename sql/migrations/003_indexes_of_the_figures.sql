-- So that what `bronze status` and the status page show costs the same after years of runs.

-- Most runs write neither warnings nor tombstones: the sums of a stream read its few others only.
CREATE INDEX runs_amiss ON bronze_ops.runs (source, account, stream) INCLUDE (invalid, warnings, tombstones)
    WHERE invalid > 0 OR warnings > 0 OR tombstones > 0;

CREATE INDEX dead_letters_open ON bronze_ops.dead_letters (source, account, stream)
    WHERE NOT landed AND replayed_at IS NULL;

COMMENT ON COLUMN bronze_ops.runs.tombstones IS
    'Tombstones written; those of ACTIVATE_VERSION come from no record: of the other counters only '
    'invalid and warnings have them, if the version before them was such.';
