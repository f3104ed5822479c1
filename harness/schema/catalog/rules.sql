SELECT 'pg_rewrite', r.oid, 0, 'pg_class', r.ev_class, 0, 'rule', pg_catalog.quote_ident(r.rulename), NULL,
       CASE WHEN r.rulename <> '_RETURN' THEN pg_catalog.pg_get_ruledef(r.oid) ELSE CASE r.ev_enabled WHEN 'O' THEN '@implied ' ELSE '' END || 'of the view' END
       || CASE r.ev_enabled WHEN 'O' THEN '' WHEN 'D' THEN ', disabled' WHEN 'R' THEN ', replica' ELSE ', always' END,
       NULL, NULL, NULL /*relation: r.ev_class*/
  FROM pg_catalog.pg_rewrite r
 WHERE r.oid >= 16384
