-- Access methods, operator families with their members, operator classes.
-- A member names its class when it goes with that class, none when it is loose in the family. Members that users
-- put into a family that is not theirs (built in, or of an extension) stand as objects of their own.
WITH family AS MATERIALIZED (
  SELECT f.*
    FROM pg_catalog.pg_opfamily f
   WHERE f.oid >= 16384
     AND NOT pg_catalog.starts_with(f.opfnamespace::regnamespace::text, 'pg_temp_')
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_opfamily'::regclass AND d.objid = f.oid AND d.objsubid = 0
                        AND d.deptype = 'e')
), class AS MATERIALIZED (
  SELECT c.*
    FROM pg_catalog.pg_opclass c
   WHERE c.oid >= 16384
     AND NOT pg_catalog.starts_with(c.opcnamespace::regnamespace::text, 'pg_temp_')
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_opclass'::regclass AND d.objid = c.oid AND d.objsubid = 0
                        AND d.deptype = 'e')
), own AS MATERIALIZED (
  -- families where members of users may stand; all others belong to extensions, with hundreds of members to pass by
  SELECT f.oid FROM family f UNION SELECT c.opcfamily FROM class c
), member AS MATERIALIZED (
  SELECT 'pg_catalog.pg_amop'::regclass AS class, m.oid, m.amopfamily AS family,
         pg_catalog.format('operator %s (%s, %s)', m.amopstrategy,
           pg_catalog.format_type(m.amoplefttype, NULL), pg_catalog.format_type(m.amoprighttype, NULL)) AS name,
         pg_catalog.concat_ws(', ',
           m.amopopr::regoperator::text,
           (SELECT pg_catalog.format('for order by %s.%I', s.opfnamespace::regnamespace, s.opfname)
              FROM pg_catalog.pg_opfamily s WHERE s.oid = m.amopsortfamily)) AS text
    FROM pg_catalog.pg_amop m
   WHERE m.oid >= 16384
     AND (m.amopfamily < 16384 OR m.amopfamily IN (SELECT o.oid FROM own o))
   UNION ALL
  SELECT 'pg_catalog.pg_amproc'::regclass, m.oid, m.amprocfamily,
         pg_catalog.format('function %s (%s, %s)', m.amprocnum,
           pg_catalog.format_type(m.amproclefttype, NULL), pg_catalog.format_type(m.amprocrighttype, NULL)),
         m.amproc::oid::regprocedure::text
    FROM pg_catalog.pg_amproc m
   WHERE m.oid >= 16384
     AND (m.amprocfamily < 16384 OR m.amprocfamily IN (SELECT o.oid FROM own o))
), held AS MATERIALIZED (
  SELECT m.*, own.oid AS own,
         pg_catalog.format('%s.%I using %I', f.opfnamespace::regnamespace, f.opfname,
           (SELECT a.amname FROM pg_catalog.pg_am a WHERE a.oid = f.opfmethod)) AS family_name,
         (SELECT pg_catalog.format('with class %s.%I', c.opcnamespace::regnamespace, c.opcname)
            FROM pg_catalog.pg_depend d
            JOIN pg_catalog.pg_opclass c ON c.oid = d.refobjid
           WHERE d.classid = m.class AND d.objid = m.oid AND d.objsubid = 0
             AND d.refclassid = 'pg_catalog.pg_opclass'::regclass AND d.deptype = 'i') AS of_class
    FROM member m
    JOIN pg_catalog.pg_opfamily f ON f.oid = m.family
    LEFT JOIN family own ON own.oid = m.family
   WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                       JOIN pg_catalog.pg_depend e ON e.classid = d.refclassid AND e.objid = d.refobjid
                                                  AND e.objsubid = 0 AND e.deptype = 'e'
                      WHERE d.classid = m.class AND d.objid = m.oid AND d.objsubid = 0
                        AND d.refclassid IN ('pg_catalog.pg_opclass'::regclass, 'pg_catalog.pg_opfamily'::regclass))
)
SELECT 'pg_opfamily', f.oid, 0, NULL::text, NULL::oid, NULL::int4,
       'operator family',
       pg_catalog.format('%s.%I using %I', f.opfnamespace::regnamespace, f.opfname,
         (SELECT a.amname FROM pg_catalog.pg_am a WHERE a.oid = f.opfmethod)),
       NULL::int4,
       NULL::text,
       pg_catalog.pg_get_userbyid(f.opfowner),
       NULL::text, NULL::text
  FROM family f
UNION ALL
SELECT CASE m.class WHEN 'pg_catalog.pg_amop'::regclass THEN 'pg_amop' ELSE 'pg_amproc' END, m.oid, 0,
       CASE WHEN m.own IS NOT NULL THEN 'pg_opfamily' END, m.own, CASE WHEN m.own IS NOT NULL THEN 0 END,
       CASE WHEN m.own IS NOT NULL THEN 'member' ELSE 'operator family member' END,
       CASE WHEN m.own IS NOT NULL THEN m.name ELSE m.family_name || ' ' || m.name END,
       NULL,
       pg_catalog.concat_ws(', ', m.text, m.of_class),
       NULL, NULL, NULL
  FROM held m
UNION ALL
SELECT 'pg_opclass', c.oid, 0, NULL, NULL, NULL,
       'operator class',
       pg_catalog.format('%s.%I using %I', c.opcnamespace::regnamespace, c.opcname,
         (SELECT a.amname FROM pg_catalog.pg_am a WHERE a.oid = c.opcmethod)),
       NULL,
       pg_catalog.concat_ws(', ',
         CASE WHEN c.opcdefault THEN 'default' END,
         'for type ' || pg_catalog.format_type(c.opcintype, NULL),
         (SELECT pg_catalog.format('family %s.%I', f.opfnamespace::regnamespace, f.opfname)
            FROM pg_catalog.pg_opfamily f WHERE f.oid = c.opcfamily),
         CASE WHEN c.opckeytype <> 0 THEN 'storage ' || pg_catalog.format_type(c.opckeytype, NULL) END),
       pg_catalog.pg_get_userbyid(c.opcowner),
       NULL, NULL
  FROM class c
UNION ALL
SELECT 'pg_am', a.oid, 0, NULL, NULL, NULL,
       'access method',
       pg_catalog.quote_ident(a.amname),
       NULL,
       pg_catalog.format('type %s, handler %s',
         CASE a.amtype WHEN 't' THEN 'table' ELSE 'index' END, a.amhandler::oid::regprocedure),
       NULL, NULL, NULL
  FROM pg_catalog.pg_am a
 WHERE a.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_am'::regclass AND d.objid = a.oid AND d.objsubid = 0
                      AND d.deptype = 'e')
