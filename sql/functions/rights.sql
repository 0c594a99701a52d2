-- Rights of the roles of roles.sql, where they exist.

-- A database without the roles grants nothing: whoever owns the tables loads and reads them.
CREATE OR REPLACE FUNCTION bronze_ops.grant_source(schema_name TEXT, table_name TEXT) RETURNS VOID
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    readable TEXT;
    relation TEXT;
BEGIN
    IF to_regrole('bronze_loader') IS NOT NULL THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO bronze_loader', schema_name);
        EXECUTE format('GRANT SELECT, INSERT ON %I.%I TO bronze_loader', schema_name, table_name);
        EXECUTE format('GRANT USAGE ON SEQUENCE %I.%I TO bronze_loader', schema_name, table_name || '_id_seq');
    END IF;
    IF to_regrole('bronze_reader') IS NOT NULL THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO bronze_reader', schema_name);
        FOREACH relation IN ARRAY ARRAY[table_name, table_name || '_latest'] LOOP
            SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO readable
                FROM pg_attribute
                WHERE attrelid = to_regclass(format('%I.%I', schema_name, relation))
                  AND attnum > 0 AND NOT attisdropped AND attname <> 'pipeline_parameters';
            EXECUTE format('GRANT SELECT (%s) ON %I.%I TO bronze_reader', readable, schema_name, relation);
        END LOOP;
    END IF;
END
$$;

-- What both roles may do in bronze_ops, and in every source's table that stands already. The reader
-- sees neither the bytes of dead letters nor states and parameters.
CREATE OR REPLACE FUNCTION bronze_ops.grant_all() RETURNS VOID
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place    bronze_ops.sources;
    relation RECORD;
BEGIN
    IF to_regrole('bronze_loader') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA bronze_ops TO bronze_loader;
        GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA bronze_ops TO bronze_loader;
        REVOKE INSERT, UPDATE ON bronze_ops.schema_version, bronze_ops.sources FROM bronze_loader;
        -- What a comparison with the source replaces; an older schema has not all of it.
        FOR relation IN
            SELECT oid::regclass AS name FROM pg_class
            WHERE relnamespace = 'bronze_ops'::regnamespace
              AND relname IN ('days', 'reconciliations', 'reconciled_records')
        LOOP
            EXECUTE format('GRANT DELETE ON %s TO bronze_loader', relation.name);
        END LOOP;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA bronze_ops TO bronze_loader;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA bronze_ops TO bronze_loader;
    END IF;
    IF to_regrole('bronze_reader') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA bronze_ops TO bronze_reader;
        GRANT EXECUTE ON FUNCTION bronze_ops.table_name(TEXT), bronze_ops.partition_name(TEXT, DATE)
            TO bronze_reader;
        FOR relation IN
            SELECT c.oid::regclass AS name,
                   string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS readable
            FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'bronze_ops'::regnamespace AND c.relkind = 'r'
              AND attnum > 0 AND NOT attisdropped
              AND (relname, attname) NOT IN (('dead_letters', 'message'), ('reconciliations', 'state'),
                                             ('reconciliations', 'schema_message'),
                                             ('reconciled_records', 'message'),
                                             ('runs', 'state'), ('streams', 'provenance'))
            GROUP BY c.oid
        LOOP
            EXECUTE format('GRANT SELECT (%s) ON %s TO bronze_reader', relation.readable, relation.name);
        END LOOP;
    END IF;
    FOR place IN SELECT * FROM bronze_ops.sources LOOP
        PERFORM bronze_ops.grant_source(place.schema_name, place.table_name);
    END LOOP;
END
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA bronze_ops FROM PUBLIC;
SELECT bronze_ops.grant_all();
