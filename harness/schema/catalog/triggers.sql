SELECT 'pg_trigger', t.oid, 0, 'pg_class', t.tgrelid, 0, 'trigger', pg_catalog.quote_ident(t.tgname), NULL,
       CASE WHEN t.tgparentid = 0 THEN
                pg_catalog.substr(pg_catalog.pg_get_triggerdef(t.oid), pg_catalog.length('CREATE ' || CASE WHEN t.tgconstraint <> 0 THEN 'CONSTRAINT ' ELSE '' END
                       || 'TRIGGER ' || pg_catalog.quote_ident(t.tgname) || ' ') + 1)
                || CASE t.tgenabled WHEN 'O' THEN '' WHEN 'D' THEN ', disabled' WHEN 'R' THEN ', replica' ELSE ', always' END
            WHEN t.tgenabled = p.tgenabled THEN '@implied of the partitioned table'
            ELSE 'of the partitioned table' || CASE t.tgenabled WHEN 'O' THEN ', enabled' WHEN 'D' THEN ', disabled' WHEN 'R' THEN ', replica' ELSE ', always' END
       END,
       NULL, NULL, NULL /*relation: t.tgrelid*/
  FROM pg_catalog.pg_trigger t
  LEFT JOIN pg_catalog.pg_trigger p ON p.oid = t.tgparentid AND t.tgparentid <> 0
  LEFT JOIN pg_catalog.pg_constraint k ON k.oid = NULLIF(t.tgconstraint, 0)
 WHERE t.oid >= 16384 AND (NOT t.tgisinternal OR t.tgparentid <> 0) AND (k.oid IS NULL OR k.contype = 't')
