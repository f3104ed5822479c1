-- Casts, conversions, transforms, languages and collations.
-- The cast of a range to its multirange comes with the type (dependency 'i') and is not shown.
SELECT 'pg_cast', c.oid, 0, NULL::text, NULL::oid, NULL::int4,
       'cast',
       pg_catalog.format('(%s as %s)',
         pg_catalog.format_type(c.castsource, NULL), pg_catalog.format_type(c.casttarget, NULL)),
       NULL::int4,
       pg_catalog.concat_ws(', ',
         CASE c.castmethod
           WHEN 'f' THEN 'with function ' || c.castfunc::regprocedure
           WHEN 'i' THEN 'with inout'
           ELSE 'without function'
         END,
         CASE c.castcontext WHEN 'a' THEN 'as assignment' WHEN 'i' THEN 'as implicit' END),
       NULL::text, NULL::text, NULL::text
  FROM pg_catalog.pg_cast c
 WHERE c.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_cast'::regclass AND d.objid = c.oid AND d.objsubid = 0
                      AND d.deptype IN ('e', 'i'))
UNION ALL
SELECT 'pg_conversion', c.oid, 0, NULL, NULL, NULL,
       'conversion',
       pg_catalog.format('%s.%I', c.connamespace::regnamespace, c.conname),
       NULL,
       pg_catalog.concat_ws(', ',
         CASE WHEN c.condefault THEN 'default' END,
         pg_catalog.format('from %s to %s',
           pg_catalog.pg_encoding_to_char(c.conforencoding), pg_catalog.pg_encoding_to_char(c.contoencoding)),
         'function ' || c.conproc::oid::regprocedure),
       pg_catalog.pg_get_userbyid(c.conowner), NULL, NULL
  FROM pg_catalog.pg_conversion c
 WHERE c.oid >= 16384
   AND NOT pg_catalog.starts_with(c.connamespace::regnamespace::text, 'pg_temp_')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_conversion'::regclass AND d.objid = c.oid AND d.objsubid = 0
                      AND d.deptype = 'e')
UNION ALL
SELECT 'pg_transform', t.oid, 0, NULL, NULL, NULL,
       'transform',
       pg_catalog.format('for %s language %I', pg_catalog.format_type(t.trftype, NULL),
         (SELECT l.lanname FROM pg_catalog.pg_language l WHERE l.oid = t.trflang)),
       NULL,
       pg_catalog.concat_ws(', ',
         'from sql with function ' || NULLIF(t.trffromsql, 0)::oid::regprocedure,
         'to sql with function ' || NULLIF(t.trftosql, 0)::oid::regprocedure),
       NULL, NULL, NULL
  FROM pg_catalog.pg_transform t
 WHERE t.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_transform'::regclass AND d.objid = t.oid AND d.objsubid = 0
                      AND d.deptype = 'e')
UNION ALL
SELECT 'pg_language', l.oid, 0, NULL, NULL, NULL,
       'language',
       pg_catalog.quote_ident(l.lanname),
       NULL,
       pg_catalog.concat_ws(', ',
         CASE WHEN l.lanpltrusted THEN 'trusted' END,
         'handler ' || NULLIF(l.lanplcallfoid, 0)::regprocedure,
         'inline ' || NULLIF(l.laninline, 0)::regprocedure,
         'validator ' || NULLIF(l.lanvalidator, 0)::regprocedure),
       pg_catalog.pg_get_userbyid(l.lanowner),
       l.lanacl::text,
       CASE WHEN l.lanacl IS NOT NULL THEN pg_catalog.acldefault('l', l.lanowner)::text END
  FROM pg_catalog.pg_language l
 WHERE l.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_language'::regclass AND d.objid = l.oid AND d.objsubid = 0
                      AND d.deptype = 'e')
UNION ALL
-- collversion is left out: it tells of the library that the server runs with, not of the schema.
SELECT 'pg_collation', c.oid, 0, NULL, NULL, NULL,
       'collation',
       pg_catalog.format('%s.%I', c.collnamespace::regnamespace, c.collname),
       NULL,
       pg_catalog.concat_ws(', ',
         'provider ' || CASE c.collprovider
           WHEN 'b' THEN 'builtin' WHEN 'c' THEN 'libc' WHEN 'd' THEN 'default' WHEN 'i' THEN 'icu' ELSE c.collprovider::text END,
         'locale `' || COALESCE(
           c.colllocale::text, --@17+
           c.colliculocale::text, --@15..16
           CASE WHEN c.collcollate = c.collctype THEN c.collcollate::text END) || '`',
         CASE WHEN c.collcollate <> c.collctype
              THEN pg_catalog.format('lc_collate `%s`, lc_ctype `%s`', c.collcollate, c.collctype) END,
         'rules `' || c.collicurules || '`', --@16+
         CASE WHEN NOT c.collisdeterministic THEN 'not deterministic' END,
         CASE WHEN c.collencoding NOT IN (-1, pg_catalog.pg_char_to_encoding(pg_catalog.getdatabaseencoding()))
              THEN 'encoding ' || pg_catalog.pg_encoding_to_char(c.collencoding) END),
       pg_catalog.pg_get_userbyid(c.collowner), NULL, NULL
  FROM pg_catalog.pg_collation c
 WHERE c.oid >= 16384
   AND NOT pg_catalog.starts_with(c.collnamespace::regnamespace::text, 'pg_temp_')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_collation'::regclass AND d.objid = c.oid AND d.objsubid = 0
                      AND d.deptype = 'e')
