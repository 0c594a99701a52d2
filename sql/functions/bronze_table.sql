-- The bronze table: one per source, partitioned by month of partition_key.

-- Makes `bronze_<source>` in target_schema with its indexes and its `_latest` view, unless it is there.
-- raw_index: operator class of the GIN index on raw_data, jsonb_ops | jsonb_path_ops | none.
-- Returns the table's name, unquoted. Errors: the source lives in another schema already.
CREATE OR REPLACE FUNCTION bronze_ops.create_source(
    source_name   TEXT,
    target_schema TEXT DEFAULT 'public',
    raw_index     TEXT DEFAULT 'jsonb_ops'
) RETURNS TEXT
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known      bronze_ops.sources;
    table_name TEXT := bronze_ops.table_name(source_name);
    has_lz4    BOOLEAN;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('bronze:source:' || source_name, 0));
    SELECT * INTO known FROM bronze_ops.sources AS s WHERE s.source = source_name;
    IF FOUND THEN
        IF known.schema_name <> target_schema THEN
            RAISE EXCEPTION 'source % lives in schema %, not in %', source_name, known.schema_name, target_schema
                USING ERRCODE = 'invalid_schema_name',
                      HINT = format('Set default_target_schema to %s.', known.schema_name);
        END IF;
        RETURN known.table_name;
    END IF;

    EXECUTE format($ddl$
        CREATE TABLE %1$I.%2$I (
            id                    BIGSERIAL,
            source                TEXT NOT NULL,
            raw_data              JSONB NOT NULL,
            ingested_at           TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
            source_timestamp      TIMESTAMP,
            raw_id                TEXT,
            validation_status     TEXT NOT NULL
                CHECK (validation_status IN ('valid', 'warning', 'invalid')),
            error_message         TEXT,
            metadata              JSONB NOT NULL DEFAULT '{}',
            version               INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),
            environment           TEXT,
            pipeline_run_id       TEXT,
            pipeline_version      TEXT,
            pipeline_parameters   JSONB,
            lineage_id            TEXT COLLATE "C" NOT NULL,
            parent_lineage_ids    TEXT[],
            lineage_type          TEXT,
            lineage_source        TEXT,
            lineage_timestamp     TIMESTAMP,
            lineage_metadata      JSONB,
            quality_metrics       JSONB,
            quality_score         NUMERIC(5, 4) CHECK (quality_score BETWEEN 0 AND 1),
            quality_checks        JSONB,
            file_path             TEXT,
            file_hash             TEXT,
            file_size             BIGINT,
            compression_type      TEXT,
            encoding              TEXT,
            api_version           TEXT,
            api_endpoint          TEXT,
            api_request_id        TEXT,
            api_response_code     INTEGER,
            api_rate_limit_info   JSONB,
            processing_start_time TIMESTAMP,
            processing_end_time   TIMESTAMP,
            processing_duration   INTERVAL,
            processing_steps      JSONB,
            processing_errors     JSONB,
            partition_key         DATE NOT NULL,
            PRIMARY KEY (id, partition_key),
            CONSTRAINT partition_key_is_the_day CHECK (
                source_timestamp IS NULL
                OR partition_key = source_timestamp::date
                OR metadata ? 'partition_by'
            )
        ) PARTITION BY RANGE (partition_key)
    $ddl$, target_schema, table_name);

    SELECT 'lz4' = ANY (enumvals) INTO has_lz4
        FROM pg_settings WHERE name = 'default_toast_compression';
    IF has_lz4 THEN
        EXECUTE format('ALTER TABLE %I.%I ALTER COLUMN raw_data SET COMPRESSION lz4', target_schema, table_name);
    END IF;

    PERFORM bronze_ops.create_indexes(target_schema, table_name, raw_index);
    PERFORM bronze_ops.create_latest_view(source_name, target_schema, table_name);
    INSERT INTO bronze_ops.sources (source, schema_name, table_name, raw_index)
        VALUES (source_name, target_schema, table_name, raw_index);
    PERFORM bronze_ops.grant_source(target_schema, table_name);
    RETURN table_name;
END
$$;

CREATE OR REPLACE FUNCTION bronze_ops.create_indexes(target_schema TEXT, table_name TEXT, raw_index TEXT)
RETURNS VOID
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    indexed TEXT;
BEGIN
    FOREACH indexed IN ARRAY ARRAY['source_timestamp', 'validation_status', 'lineage_id',
                                   'pipeline_run_id', 'environment', 'quality_score'] LOOP
        EXECUTE format('CREATE INDEX %I ON %I.%I (%I)',
                       'idx_' || table_name || '_' || indexed, target_schema, table_name, indexed);
    END LOOP;
    IF raw_index <> 'none' THEN
        EXECUTE format('CREATE INDEX %I ON %I.%I USING gin (raw_data %I)',
                       'idx_' || table_name || '_raw_data', target_schema, table_name, raw_index);
    END IF;
END
$$;

-- The newest version of each lineage, without tombstones. Heads are joined on (id, partition_key), so
-- that a filter on partition_key reaches the partitions.
CREATE OR REPLACE FUNCTION bronze_ops.create_latest_view(source_name TEXT, target_schema TEXT, table_name TEXT)
RETURNS VOID
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format($ddl$
        CREATE VIEW %1$I.%3$I AS
            SELECT b.* FROM %1$I.%2$I AS b
            JOIN bronze_ops.heads AS h
                ON h.source = %4$L AND h.id = b.id AND h.partition_key = b.partition_key
            WHERE NOT h.deleted
    $ddl$, target_schema, table_name, table_name || '_latest', source_name);
END
$$;
