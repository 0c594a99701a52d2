-- Names of a source's table and partitions, for the loader and for SQL alike.

-- `bronze_<source>`, where that is a plain name of at most 40 bytes that nothing else made for a
-- source can bear; else a readable stem and a hash, so that distinct sources get distinct tables.
-- 40 bytes leave room for `idx_…_validation_status` and `_y2024m01` within PostgreSQL's 63.
CREATE OR REPLACE FUNCTION bronze_ops.table_name(source_name TEXT) RETURNS TEXT
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN source_name ~ '^[a-z0-9_]{1,33}$'
             AND source_name !~ '(_latest|_id_seq|_pkey|_x[0-9a-f]{12})$|_y[0-9]{4}m[0-9]{2}(_|$)'
            THEN 'bronze_' || source_name
        ELSE 'bronze_'
             || left(trim('_' FROM regexp_replace(lower(source_name COLLATE "C"), '[^a-z0-9]+', '_', 'g')), 19)
             || '_x' || left(encode(sha256(convert_to(source_name, 'UTF8')), 'hex'), 12)
    END
$$;
COMMENT ON FUNCTION bronze_ops.table_name(TEXT) IS 'Name of the bronze table of a source, unquoted.';

CREATE OR REPLACE FUNCTION bronze_ops.partition_name(source_name TEXT, partition_date DATE) RETURNS TEXT
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT bronze_ops.table_name(source_name) || to_char(partition_date, '"_y"YYYY"m"MM')
$$;
COMMENT ON FUNCTION bronze_ops.partition_name(TEXT, DATE) IS 'Name of the partition that holds a day, unquoted.';
