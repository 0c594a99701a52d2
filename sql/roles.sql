-- Two roles without login, for whoever wants the loader or a dashboard to be less than the owner:
-- GRANT bronze_loader TO loader; GRANT bronze_reader TO dashboard;
-- Applied by `bronze db migrate --roles`, as a role that may create roles. Roles belong to the whole
-- server, so they are made only when asked for.

DO $$
DECLARE
    wanted TEXT;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['bronze_loader', 'bronze_reader'] LOOP
        IF to_regrole(wanted) IS NULL THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
END
$$;

SELECT bronze_ops.grant_all();
