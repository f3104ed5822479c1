SELECT 'pg_class', f.ftrelid, -1, 'pg_class', f.ftrelid, 0, 'server', pg_catalog.quote_ident(s.srvname), NULL,
       CASE WHEN f.ftoptions IS NOT NULL THEN
           (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(o.option_name) || ' ' || pg_catalog.quote_literal(
                     -- what looks like a secret never leaves the server
                     CASE WHEN o.option_name ~* 'pass|secret|token|key|credential' OR o.option_value ~* 'password|secret'
                          THEN 'redacted:' || pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(o.option_value, 'UTF8')), 'hex'), 12)
                          ELSE o.option_value END), ', ' ORDER BY o.option_name COLLATE "C")
              FROM pg_catalog.pg_options_to_table(f.ftoptions) o) END,
       NULL, NULL, NULL
  FROM pg_catalog.pg_foreign_table f
  JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
