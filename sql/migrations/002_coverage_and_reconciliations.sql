-- Which days a source was asked for, and what comparisons with the source found.

ALTER TABLE bronze_ops.streams ADD COLUMN asked DATEMULTIRANGE NOT NULL DEFAULT '{}';
COMMENT ON COLUMN bronze_ops.streams.asked IS
    'Days that the source was asked for, as the tap says in its STATE: a day in it without records is empty.';

CREATE TABLE bronze_ops.reconciliations (
    id             BIGSERIAL PRIMARY KEY,
    source         TEXT COLLATE "C" NOT NULL,
    account        TEXT COLLATE "C" NOT NULL,
    stream         TEXT COLLATE "C" NOT NULL,
    first_day      DATE NOT NULL,
    last_day       DATE NOT NULL,
    started_at     TIMESTAMPTZ NOT NULL,
    ended_at       TIMESTAMPTZ,
    records_source BIGINT NOT NULL DEFAULT 0,
    records_bronze BIGINT NOT NULL DEFAULT 0,
    missing        BIGINT NOT NULL DEFAULT 0,
    changed        BIGINT NOT NULL DEFAULT 0,
    vanished       BIGINT NOT NULL DEFAULT 0,
    buried         BIGINT NOT NULL DEFAULT 0,
    fixed          BOOLEAN NOT NULL DEFAULT false,
    tap            TEXT NOT NULL DEFAULT '',
    read_whole     BOOLEAN NOT NULL DEFAULT false,
    schema_message BYTEA,
    state          TEXT,
    CHECK (first_day <= last_day)
);
CREATE INDEX reconciliations_stream ON bronze_ops.reconciliations (source, account, stream, started_at);
COMMENT ON TABLE bronze_ops.reconciliations IS
    'One row per stream that was compared with its source, over the days from first_day to last_day.';
COMMENT ON COLUMN bronze_ops.reconciliations.ended_at IS 'Null while it goes on, and where a quota or a kill cut it.';
COMMENT ON COLUMN bronze_ops.reconciliations.missing IS 'Records that the source has and bronze had not.';
COMMENT ON COLUMN bronze_ops.reconciliations.changed IS 'Records that differed from their newest version.';
COMMENT ON COLUMN bronze_ops.reconciliations.vanished IS 'Records of bronze that the source has no longer.';
COMMENT ON COLUMN bronze_ops.reconciliations.buried IS 'Those of them that were marked as deleted.';
COMMENT ON COLUMN bronze_ops.reconciliations.fixed IS 'What was missing and changed has been loaded since.';
COMMENT ON COLUMN bronze_ops.reconciliations.tap IS 'The command that read the source.';
COMMENT ON COLUMN bronze_ops.reconciliations.read_whole IS
    'The source was read to the end of these days, so that what did not come has vanished.';
COMMENT ON COLUMN bronze_ops.reconciliations.schema_message IS
    'SCHEMA line of the stream, to load what is missing; null once it has ended.';
COMMENT ON COLUMN bronze_ops.reconciliations.state IS 'STATE to go on from, where it was cut.';

CREATE TABLE bronze_ops.reconciled_records (
    id                BIGSERIAL PRIMARY KEY,
    reconciliation_id BIGINT NOT NULL,
    lineage_hash      BYTEA NOT NULL,
    found             TEXT NOT NULL CHECK (found IN ('same', 'missing', 'changed', 'outside')),
    lineage_id        TEXT COLLATE "C",
    message           BYTEA,
    UNIQUE (reconciliation_id, lineage_hash)
);
COMMENT ON TABLE bronze_ops.reconciled_records IS
    'One row per record that a comparison has read, until it ends: it may take several runs.';
COMMENT ON COLUMN bronze_ops.reconciled_records.found IS
    'same as in bronze, missing there, changed since, or outside of the days that are compared.';
COMMENT ON COLUMN bronze_ops.reconciled_records.message IS
    'RECORD line of what is missing or changed, for --fix to load.';
