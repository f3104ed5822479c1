-- Extensions, also those that came with the database: each can be dropped and updated. The members stay out of the
-- snapshot; their number by class tells when one is added or taken away. The same version of an extension makes
-- other members on another major, hence the tag.
SELECT 'pg_extension', e.oid, 0, NULL::text, NULL::oid, NULL::int4,
       'extension',
       pg_catalog.quote_ident(e.extname),
       NULL::int4,
       pg_catalog.format('version `%s`, schema %s', e.extversion, e.extnamespace::regnamespace),
       pg_catalog.pg_get_userbyid(e.extowner),
       NULL::text, NULL::text
  FROM pg_catalog.pg_extension e
UNION ALL
SELECT 'pg_extension', e.oid, -1, 'pg_extension', e.oid, 0,
       'members',
       CASE d.classid
         WHEN 'pg_catalog.pg_proc'::regclass THEN 'functions'
         WHEN 'pg_catalog.pg_type'::regclass THEN 'types'
         WHEN 'pg_catalog.pg_class'::regclass THEN 'relations'
         WHEN 'pg_catalog.pg_operator'::regclass THEN 'operators'
         WHEN 'pg_catalog.pg_opclass'::regclass THEN 'operator classes'
         WHEN 'pg_catalog.pg_opfamily'::regclass THEN 'operator families'
         WHEN 'pg_catalog.pg_cast'::regclass THEN 'casts'
         WHEN 'pg_catalog.pg_language'::regclass THEN 'languages'
         ELSE pg_catalog.replace(pg_catalog.substr(d.classid::regclass::text, 4), '_', ' ')
       END,
       NULL,
       pg_catalog.format('%s @%s', pg_catalog.count(*), pg_catalog.current_setting('server_version_num')::int4 / 10000),
       NULL, NULL, NULL
  FROM pg_catalog.pg_extension e
  JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid
                             AND d.refobjsubid = 0 AND d.deptype = 'e'
 GROUP BY e.oid, d.classid
UNION ALL
-- What users add to an operator family of an extension is known only by this number.
SELECT 'pg_extension', e.oid, -1, 'pg_extension', e.oid, 0,
       'members',
       'operator family entries',
       NULL,
       pg_catalog.format('%s @%s',
         pg_catalog.sum((SELECT pg_catalog.count(*) FROM pg_catalog.pg_amop o WHERE o.amopfamily = d.objid)
                        + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_amproc p WHERE p.amprocfamily = d.objid)),
         pg_catalog.current_setting('server_version_num')::int4 / 10000),
       NULL, NULL, NULL
  FROM pg_catalog.pg_extension e
  JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid
                             AND d.refobjsubid = 0 AND d.deptype = 'e'
 WHERE d.classid = 'pg_catalog.pg_opfamily'::regclass
 GROUP BY e.oid
