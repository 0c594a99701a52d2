-- Makes the monthly partition that holds partition_date, unless it is there; returns its name, unquoted.
--
-- CREATE TABLE … (LIKE) and ATTACH take SHARE UPDATE EXCLUSIVE on the parent, so neither readers nor
-- writers wait; CREATE TABLE … PARTITION OF would take ACCESS EXCLUSIVE. The advisory lock orders
-- loaders that want the same month: IF NOT EXISTS alone does not (it fails with 42P07 under a race).
-- Call it in a short transaction of its own, before the rows of that month.
CREATE OR REPLACE FUNCTION bronze_ops.create_partition_if_not_exists(source_name TEXT, partition_date DATE)
RETURNS TEXT
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place     bronze_ops.sources;
    partition TEXT := bronze_ops.partition_name(source_name, partition_date);
    first_day DATE := date_trunc('month', partition_date::timestamp)::date;
BEGIN
    SELECT * INTO place FROM bronze_ops.sources AS s WHERE s.source = source_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no bronze table for source %', source_name
            USING ERRCODE = 'undefined_table',
                  HINT = format('SELECT bronze_ops.create_source(%L);', source_name);
    END IF;
    IF partition_date NOT BETWEEN DATE '0001-01-01' AND DATE '9999-12-31' THEN
        RAISE EXCEPTION 'no partition for %: the year must have four digits', partition_date
            USING ERRCODE = 'datetime_field_overflow';
    END IF;
    IF bronze_ops.is_partition(place.schema_name, place.table_name, partition) THEN
        RETURN partition;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('bronze:partition:' || partition, 0));
    IF bronze_ops.is_partition(place.schema_name, place.table_name, partition) THEN
        RETURN partition;
    END IF;
    EXECUTE format('CREATE TABLE %1$I.%3$I (LIKE %1$I.%2$I INCLUDING ALL)',
                   place.schema_name, place.table_name, partition);
    EXECUTE format('ALTER TABLE %1$I.%2$I ATTACH PARTITION %1$I.%3$I FOR VALUES FROM (%4$L) TO (%5$L)',
                   place.schema_name, place.table_name, partition,
                   first_day, (first_day + INTERVAL '1 month')::date);
    RETURN partition;
END
$$;

-- Reads the catalogue's tables: to_regclass() answers from a cache that waiting for an advisory lock
-- does not bring up to date.
CREATE OR REPLACE FUNCTION bronze_ops.is_partition(schema_name TEXT, table_name TEXT, partition TEXT)
RETURNS BOOLEAN
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pg_inherits AS i
        JOIN pg_class AS part ON part.oid = i.inhrelid
        JOIN pg_class AS whole ON whole.oid = i.inhparent
        JOIN pg_namespace AS n ON n.oid = whole.relnamespace AND n.oid = part.relnamespace
        WHERE n.nspname = schema_name AND whole.relname = table_name AND part.relname = partition
    )
$$;
