-- What the loader and the `bronze` command keep beside the data.
-- Times are TIMESTAMPTZ here; source timestamps are TIMESTAMP in UTC, as in the bronze tables.

CREATE SCHEMA IF NOT EXISTS bronze_ops;
REVOKE ALL ON SCHEMA bronze_ops FROM PUBLIC;

CREATE TABLE bronze_ops.schema_version (
    version     INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    applied_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);
COMMENT ON TABLE bronze_ops.schema_version IS 'One row per applied file of sql/migrations.';

CREATE TABLE bronze_ops.sources (
    source      TEXT COLLATE "C" PRIMARY KEY,
    schema_name TEXT NOT NULL,
    table_name  TEXT NOT NULL,
    raw_index   TEXT NOT NULL CHECK (raw_index IN ('jsonb_ops', 'jsonb_path_ops', 'none')),
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (schema_name, table_name)
);
COMMENT ON TABLE bronze_ops.sources IS 'One row per bronze table.';

CREATE TABLE bronze_ops.streams (
    source                 TEXT COLLATE "C" NOT NULL REFERENCES bronze_ops.sources,
    account                TEXT COLLATE "C" NOT NULL,
    stream                 TEXT COLLATE "C" NOT NULL,
    schema                 JSONB,
    key_properties         TEXT[] NOT NULL DEFAULT '{}',
    provenance             JSONB,
    first_seen             TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_seen              TIMESTAMPTZ NOT NULL DEFAULT now(),
    unknown_fields         TEXT[] NOT NULL DEFAULT '{}',
    rows                   BIGINT NOT NULL DEFAULT 0,
    versions               BIGINT NOT NULL DEFAULT 0,
    first_source_timestamp TIMESTAMP,
    last_source_timestamp  TIMESTAMP,
    generation             BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (source, account, stream)
);
COMMENT ON TABLE bronze_ops.streams IS 'The catalog: what each stream is and how much of it has landed.';
COMMENT ON COLUMN bronze_ops.streams.rows IS 'Rows of this stream in its bronze table.';
COMMENT ON COLUMN bronze_ops.streams.versions IS
    'Those of them with version > 1; rows - versions is the number of distinct records.';
COMMENT ON COLUMN bronze_ops.streams.unknown_fields IS 'Members of records that no schema named.';
COMMENT ON COLUMN bronze_ops.streams.generation IS
    'Grows with every batch: a loader that looked heads up ahead sees whether another one wrote since.';

CREATE TABLE bronze_ops.heads (
    lineage_hash BYTEA PRIMARY KEY,
    source       TEXT COLLATE "C" NOT NULL,
    account      TEXT COLLATE "C" NOT NULL,
    stream       TEXT COLLATE "C" NOT NULL,
    version      INTEGER NOT NULL,
    content_hash BYTEA NOT NULL,
    raw_hash     BYTEA,
    id           BIGINT NOT NULL,
    partition_key DATE NOT NULL,
    extracted_at TIMESTAMPTZ,
    seen_version BIGINT,
    loader_id    UUID NOT NULL,
    deleted      BOOLEAN NOT NULL
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX heads_row ON bronze_ops.heads (source, id);
COMMENT ON TABLE bronze_ops.heads IS 'One row per lineage: where its current version lies.';
COMMENT ON COLUMN bronze_ops.heads.lineage_hash IS 'blake2b-128 of lineage_id.';
COMMENT ON COLUMN bronze_ops.heads.version IS
    'Highest version number given in this lineage; a late version takes a number and leaves the head.';
COMMENT ON COLUMN bronze_ops.heads.content_hash IS 'Content hash of the head, rule c1, without its prefix.';
COMMENT ON COLUMN bronze_ops.heads.raw_hash IS 'blake2b-128 of the bytes that the head came as.';
COMMENT ON COLUMN bronze_ops.heads.extracted_at IS 'Latest time_extracted of the lineage, seen unchanged or not.';
COMMENT ON COLUMN bronze_ops.heads.seen_version IS 'Stream version (ACTIVATE_VERSION) that it was last seen with.';
COMMENT ON COLUMN bronze_ops.heads.loader_id IS 'runs.loader_id of the process that wrote the head.';

CREATE TABLE bronze_ops.runs (
    loader_id           UUID NOT NULL,
    source              TEXT COLLATE "C" NOT NULL,
    account             TEXT COLLATE "C" NOT NULL,
    stream              TEXT COLLATE "C" NOT NULL,
    run_id              TEXT NOT NULL,
    environment         TEXT,
    started_at          TIMESTAMPTZ NOT NULL,
    ended_at            TIMESTAMPTZ,
    status              TEXT NOT NULL DEFAULT 'running'
                        CHECK (status IN ('running', 'success', 'failed', 'interrupted')),
    records_read        BIGINT NOT NULL DEFAULT 0,
    rows_new            BIGINT NOT NULL DEFAULT 0,
    rows_changed        BIGINT NOT NULL DEFAULT 0,
    rows_unchanged      BIGINT NOT NULL DEFAULT 0,
    tombstones          BIGINT NOT NULL DEFAULT 0,
    dead_letters        BIGINT NOT NULL DEFAULT 0,
    invalid             BIGINT NOT NULL DEFAULT 0,
    warnings            BIGINT NOT NULL DEFAULT 0,
    last_batch          UUID,
    state               TEXT,
    api_rate_limit_info JSONB,
    tap                 TEXT,
    target_version      TEXT NOT NULL,
    error               TEXT,
    PRIMARY KEY (loader_id, source, account, stream)
);
CREATE INDEX runs_stream ON bronze_ops.runs (source, account, stream, started_at);
CREATE INDEX runs_run_id ON bronze_ops.runs (run_id);
COMMENT ON TABLE bronze_ops.runs IS
    'One row per stream and loader process: '
    'records_read = rows_new + rows_changed + rows_unchanged + dead_letters.';
COMMENT ON COLUMN bronze_ops.runs.loader_id IS
    'The process: a run that is tried again under the same run_id is another loader.';
COMMENT ON COLUMN bronze_ops.runs.tombstones IS
    'Tombstones written; those of ACTIVATE_VERSION come from no record and are in no other counter.';
COMMENT ON COLUMN bronze_ops.runs.dead_letters IS
    'Records that did not land; a repaired record that landed is counted as a warning.';
COMMENT ON COLUMN bronze_ops.runs.last_batch IS 'The newest committed batch: tells whether a lost COMMIT happened.';

CREATE TABLE bronze_ops.days (
    source  TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    stream  TEXT COLLATE "C" NOT NULL,
    day     DATE NOT NULL,
    records BIGINT NOT NULL,
    PRIMARY KEY (source, account, stream, day)
);
COMMENT ON TABLE bronze_ops.days IS
    'Rows that landed per UTC day of their source timestamp, without tombstones and undated rows.';

CREATE TABLE bronze_ops.dead_letters (
    id           BIGSERIAL PRIMARY KEY,
    run_id       TEXT NOT NULL,
    source       TEXT COLLATE "C" NOT NULL,
    account      TEXT COLLATE "C" NOT NULL,
    stream       TEXT COLLATE "C" NOT NULL,
    reason       TEXT NOT NULL,
    error        TEXT NOT NULL,
    message      BYTEA NOT NULL,
    message_hash BYTEA NOT NULL,
    landed       BOOLEAN NOT NULL,
    times        BIGINT NOT NULL DEFAULT 1,
    received_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    replayed_at  TIMESTAMPTZ,
    UNIQUE (source, account, stream, message_hash)
);
COMMENT ON TABLE bronze_ops.dead_letters IS
    'RECORD lines that PostgreSQL cannot hold as they came, with their exact bytes.';
COMMENT ON COLUMN bronze_ops.dead_letters.landed IS 'A repaired form of it stands in the bronze table.';
COMMENT ON COLUMN bronze_ops.dead_letters.message_hash IS 'SHA-256 of message: a replay counts in times.';
