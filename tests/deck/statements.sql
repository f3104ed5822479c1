# One statement a line, under the kind that it belongs to; holes.txt says what fits into the holes.

-- tables
CREATE TABLE {schema}.{new} (id {integer|bigint} {PRIMARY KEY|NOT NULL|UNIQUE|}, {short} {type})
CREATE TABLE {schema}.{new} ({short} {type} {NOT NULL|}, more integer DEFAULT 1 CHECK (more > 0), {UNIQUE (more)|PRIMARY KEY (more)|CHECK (more < 9)})
CREATE UNLOGGED TABLE {schema}.{new} (id serial, {short} {type} {NOT NULL|})
CREATE TABLE {schema}.{new} (LIKE {table} {INCLUDING ALL|INCLUDING DEFAULTS|INCLUDING INDEXES|INCLUDING CONSTRAINTS|INCLUDING COMMENTS|INCLUDING GENERATED|})
CREATE TABLE {schema}.{new} AS SELECT * FROM {table}
CREATE TEMPORARY TABLE {new} (id integer PRIMARY KEY, {short} {type})
CREATE TABLE {schema}.{new} (id integer) USING {accessmethod}
CREATE TABLE {schema}.{new} ({short} {type}) WITH ({storage} = {10|20|70})
CREATE TABLE {schema}.{new} (id integer) TABLESPACE shelf
DROP TABLE {free}
DROP TABLE {table} CASCADE

-- table settings
ALTER TABLE {plain} SET ({storage} = {10|20|70})
ALTER TABLE {plain} RESET ({storage})
ALTER TABLE {plain} SET {UNLOGGED|LOGGED}
ALTER TABLE {plain} SET ACCESS METHOD {heap|{accessmethod}}
ALTER TABLE {plain} SET TABLESPACE {shelf|pg_default}
ALTER TABLE {clustering}
ALTER TABLE {plain} SET WITHOUT CLUSTER
ALTER TABLE {table} REPLICA IDENTITY {FULL|NOTHING|DEFAULT}
ALTER TABLE {replica}

-- new columns
ALTER TABLE {table} ADD {short} {type}
ALTER TABLE {table} ADD {short} {type} NOT NULL
ALTER TABLE {table} ADD {short} {integer DEFAULT {7|-1}|text DEFAULT {'x'|'it''s'}|{bigserial|serial}|boolean NOT NULL DEFAULT true|timestamptz DEFAULT now()}
ALTER TABLE {table} ADD {short} integer {CHECK ({short} > 0)|UNIQUE|REFERENCES {key}|CONSTRAINT {new} CHECK ({short} < 99)}
ALTER TABLE {table} ADD {short} text COLLATE {collation}
ALTER TABLE ONLY {table} ADD {short} {type}

-- columns
ALTER TABLE {table} DROP {local}
ALTER TABLE {table} DROP {local} CASCADE
ALTER TABLE {table} RENAME {local} TO {short}
ALTER TABLE {table} ALTER {local} TYPE {type} USING NULL
ALTER TABLE {table} ALTER {local} TYPE text
ALTER TABLE {table} ALTER {local} TYPE varchar({9|30})
ALTER TABLE {table} ALTER {local} SET DATA TYPE text COLLATE {collation}
ALTER TABLE {table} ALTER {column} SET NOT NULL
ALTER TABLE {table} ALTER {column} DROP NOT NULL
ALTER TABLE {table} ADD CONSTRAINT {new} NOT NULL {column} {NOT VALID|NO INHERIT|} --@18+

-- defaults
ALTER TABLE {table} ALTER {ordinary} SET DEFAULT {default}
ALTER TABLE ONLY {table} ALTER {ordinary} SET DEFAULT {default}
ALTER TABLE {table} ALTER {withdefault} DROP DEFAULT
ALTER TABLE ONLY {table} ALTER {withdefault} DROP DEFAULT
ALTER TABLE {table} ALTER {whole} SET DEFAULT nextval('{sequence}')
ALTER VIEW {view} ALTER {viewcolumn} SET DEFAULT {7|'x'|NULL}
ALTER VIEW {view} ALTER {viewcolumn} DROP DEFAULT

-- generated columns
ALTER TABLE {table} ADD {short} {integer|bigint|numeric} GENERATED ALWAYS AS ({whole} {+|*} {1|2}) STORED
ALTER TABLE {table} ADD {short} text GENERATED ALWAYS AS (upper({wordy})) STORED
ALTER TABLE {table} ADD {short} integer GENERATED ALWAYS AS ({whole} + 3) VIRTUAL --@18+
ALTER TABLE {generated} DROP EXPRESSION
ALTER TABLE {generated} SET EXPRESSION AS ({1|2}) --@17+

-- identity columns
ALTER TABLE {table} ADD {short} {integer|bigint} GENERATED {ALWAYS|BY DEFAULT} AS IDENTITY {(START 10 INCREMENT 5)|}
ALTER TABLE {table} ALTER {wholenotnull} ADD GENERATED {ALWAYS|BY DEFAULT} AS IDENTITY
ALTER TABLE {identity} SET GENERATED {ALWAYS|BY DEFAULT}
ALTER TABLE {identity} SET {INCREMENT {2|10}|START {5|50}|CACHE {1|20}|CYCLE|NO CYCLE|MAXVALUE 1000|NO MAXVALUE}
ALTER TABLE {identity} RESTART WITH 30
ALTER TABLE {identity} DROP IDENTITY

-- storage of columns
ALTER TABLE {table} ALTER {column} SET STATISTICS {0|50|500|-1}
ALTER TABLE {table} ALTER {long} SET STORAGE {PLAIN|EXTERNAL|MAIN|EXTENDED}
ALTER TABLE {table} ALTER {long} SET COMPRESSION {pglz|default}
ALTER TABLE {table} ALTER {column} SET (n_distinct = {5|-0.5})
ALTER TABLE {table} ALTER {column} SET (n_distinct_inherited = {5|-0.5})
ALTER TABLE {table} ALTER {column} RESET (n_distinct)
ALTER MATERIALIZED VIEW {matview} ALTER {matcolumn} SET STATISTICS {0|50|-1}
ALTER MATERIALIZED VIEW {matview} ALTER {matcolumn} SET (n_distinct = {5|-0.5})

-- checks
ALTER TABLE {table} ADD {CONSTRAINT {new} |}CHECK ({condition})
ALTER TABLE {table} ADD CONSTRAINT {new} CHECK ({condition}) NOT VALID
ALTER TABLE {table} ADD CONSTRAINT {new} CHECK ({condition}) NO INHERIT
ALTER TABLE {table} ADD CONSTRAINT {new} CHECK ({condition}) NOT ENFORCED --@18+
ALTER TABLE ONLY {table} ADD CONSTRAINT {new} CHECK ({condition})
ALTER TABLE {table} DROP CONSTRAINT {check}
ALTER TABLE {table} VALIDATE CONSTRAINT {check}
ALTER TABLE {table} ADD CONSTRAINT {new} CHECK ({column} IS NOT NULL AND {column2} IS NOT NULL)

-- keys
ALTER TABLE {table} ADD {CONSTRAINT {new} |}PRIMARY KEY ({column})
ALTER TABLE {table} ADD {CONSTRAINT {new} |}UNIQUE ({column})
ALTER TABLE {table} ADD {CONSTRAINT {new} |}UNIQUE ({column}, {column2}) {DEFERRABLE|DEFERRABLE INITIALLY DEFERRED|}
ALTER TABLE {table} ADD UNIQUE NULLS NOT DISTINCT ({column})
ALTER TABLE {table} ADD UNIQUE ({column}) INCLUDE ({column2})
ALTER TABLE {table} ADD UNIQUE ({column}) WITH (fillfactor = {50|70}) {USING INDEX TABLESPACE shelf|}
ALTER TABLE {uniqueindex}
ALTER TABLE ONLY {partitioned} ADD UNIQUE ({at|id})

-- foreign keys
ALTER TABLE {table} ADD {CONSTRAINT {new} |}FOREIGN KEY ({link})
ALTER TABLE {table} ADD FOREIGN KEY ({link}) {ON DELETE CASCADE|ON UPDATE SET NULL|ON DELETE SET DEFAULT|MATCH FULL|DEFERRABLE|DEFERRABLE INITIALLY DEFERRED}
ALTER TABLE {table} ADD CONSTRAINT {new} FOREIGN KEY ({link}) NOT VALID
ALTER TABLE {table} ADD CONSTRAINT {new} FOREIGN KEY ({link}) NOT ENFORCED --@18+
ALTER TABLE {foreignkey} {DEFERRABLE|NOT DEFERRABLE|DEFERRABLE INITIALLY DEFERRED}
ALTER TABLE {foreignkey} {ENFORCED|NOT ENFORCED} --@18+
ALTER TABLE {foreignkeycheck}

-- exclusion
ALTER TABLE {ranged}
ALTER TABLE {ranged} {DEFERRABLE|WITH (fillfactor = 60)|INITIALLY DEFERRED}
CREATE TABLE {schema}.{new} (id integer, {short} int4range, EXCLUDE USING gist ({short} WITH {&&|=}) {WHERE (id > 0)|})

-- constraints
ALTER TABLE {table} DROP CONSTRAINT {named}
ALTER TABLE {table} DROP CONSTRAINT {named} CASCADE
ALTER TABLE ONLY {table} DROP CONSTRAINT {named}
ALTER TABLE {table} RENAME CONSTRAINT {named} TO {new}
ALTER TABLE {notnull} {INHERIT|NO INHERIT} --@18+
COMMENT ON CONSTRAINT {named} ON {table} IS {words}

-- indexes
CREATE {UNIQUE |}INDEX {new} ON {table} ({column} {DESC|NULLS FIRST|})
CREATE INDEX ON {table} ({column}, {column2})
CREATE INDEX {new} ON {table} ({wordy} COLLATE {collation})
CREATE INDEX {new} ON {table} ({wordy} {text_pattern_ops|varchar_pattern_ops})
CREATE INDEX {new} ON {table} (({condition}), lower({wordy}))
CREATE UNIQUE INDEX {new} ON {table} ({column}) NULLS NOT DISTINCT
CREATE INDEX {new} ON {table} ({column}) INCLUDE ({column2})
CREATE INDEX {new} ON {table} ({column}) WHERE {condition}
CREATE INDEX {new} ON {table} USING {hash|brin} ({column})
CREATE INDEX {new} ON {table} ({whole} {intclass})
CREATE INDEX {new} ON {table} ({column}) WITH (fillfactor = {50|70}) {TABLESPACE shelf|}
CREATE INDEX {new} ON {matview} ({matcolumn})
CREATE INDEX {new} ON ONLY {partitioned} ({at|id|kind})

-- index settings
ALTER INDEX {index} RENAME TO {new}
ALTER INDEX {index} SET (fillfactor = {50|70|90})
ALTER INDEX {index} SET (deduplicate_items = {on|off})
ALTER INDEX {index} RESET (fillfactor)
ALTER INDEX {index} SET TABLESPACE {shelf|pg_default}
ALTER INDEX {expression} SET STATISTICS {0|100|-1}
ALTER INDEX {attachable}
DROP INDEX {freeindex} {CASCADE|}

-- concurrent indexes
CREATE {UNIQUE |}INDEX CONCURRENTLY {new} ON {plain} ({plaincolumn}) --alone
CREATE INDEX CONCURRENTLY ON {plain} ({plaincolumn}) WHERE {plaincondition} --alone
DROP INDEX CONCURRENTLY {freeindex} --alone
REINDEX {INDEX|INDEX CONCURRENTLY} {freeindex} --alone
REINDEX {TABLE|TABLE CONCURRENTLY} {plain} --alone
CREATE UNIQUE INDEX CONCURRENTLY {new} ON {plain} ((1)) --alone

-- views
CREATE VIEW {schema}.{new} AS SELECT {column}, {column2} AS {short} FROM {table}
CREATE VIEW {schema}.{new} WITH ({security_barrier|security_invoker} = {true|false}) AS SELECT {column} FROM {table} WHERE {condition}
CREATE VIEW {schema}.{new} AS SELECT {column} FROM {table} WHERE {condition} WITH {LOCAL|CASCADED} CHECK OPTION
{replaced}
CREATE VIEW {schema}.{new} ({short}) AS SELECT {viewcolumn} FROM {view}
CREATE RECURSIVE VIEW {schema}.{new} (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM {new} WHERE n < {5|9}
ALTER VIEW {view} RENAME COLUMN {viewcolumn} TO {short}
ALTER VIEW {view} SET ({security_barrier|security_invoker} = {true|false})
ALTER VIEW {view} SET (check_option = {local|cascaded})
ALTER VIEW {view} RESET ({security_barrier|check_option})
DROP VIEW {view} {CASCADE|}

-- materialized views
CREATE MATERIALIZED VIEW {schema}.{new} AS SELECT {column} FROM {table} {WITH NO DATA|}
CREATE MATERIALIZED VIEW {schema}.{new} {USING {accessmethod}|WITH (fillfactor = 60)|TABLESPACE shelf} AS SELECT {column} FROM {table}
REFRESH MATERIALIZED VIEW {matview} {WITH NO DATA|}
ALTER MATERIALIZED VIEW {matview} RENAME COLUMN {matcolumn} TO {short}
ALTER MATERIALIZED VIEW {matview} SET (fillfactor = {50|70})
DROP MATERIALIZED VIEW {matview} {CASCADE|}

-- sequences
CREATE SEQUENCE {schema}.{new} {AS {smallint|integer}|INCREMENT -1|START 5 CYCLE|MINVALUE 0 START 3|CACHE 7|OWNED BY {table}.{column}|}
CREATE UNLOGGED SEQUENCE {schema}.{new}
ALTER SEQUENCE {freesequence} {INCREMENT {1|2}|START {1|7}|MINVALUE {0|-3}|MAXVALUE {30000|200}|NO MAXVALUE|CACHE {1|9}|CYCLE|NO CYCLE|RESTART}
ALTER SEQUENCE {freesequence} AS {smallint|integer|bigint}
ALTER SEQUENCE {freesequence} OWNED BY {NONE|{table}.{column}}
ALTER SEQUENCE {freesequence} SET {LOGGED|UNLOGGED}
ALTER SEQUENCE {sequence} RENAME TO {new}
SELECT nextval('{sequence}')
DROP SEQUENCE {freesequence} {CASCADE|}

-- enums
CREATE TYPE {schema}.{new} AS ENUM ({'a', 'b'|'it''s', 'Two Words', 'x'|})
ALTER TYPE {enum} ADD VALUE '{new|high|a}' {BEFORE {label}|AFTER {label}|}
ALTER TYPE {enum} RENAME VALUE {label} TO '{low|b}'
DROP TYPE {enum} {CASCADE|}

-- domains
CREATE DOMAIN {schema}.{new} AS {integer|text|varchar(9)|numeric(8,2)|text COLLATE "C"|integer[]} {NOT NULL|DEFAULT NULL|CONSTRAINT {new2} CHECK (VALUE IS NOT NULL)|}
ALTER DOMAIN {domain} SET DEFAULT {1|2|NULL}
ALTER DOMAIN {domain} DROP DEFAULT
ALTER DOMAIN {domain} {SET|DROP} NOT NULL
ALTER DOMAIN {domain} ADD {CONSTRAINT {new} |}CHECK (VALUE IS {NOT |}NULL) {NOT VALID|}
ALTER DOMAIN {domain} DROP CONSTRAINT {domaincheck}
ALTER DOMAIN {domain} RENAME CONSTRAINT {domaincheck} TO {new}
ALTER DOMAIN {domain} VALIDATE CONSTRAINT {domaincheck}
DROP DOMAIN {domain} {CASCADE|}

-- composite types
CREATE TYPE {schema}.{new} AS ({short} {type}, more {type2})
ALTER TYPE {composite} ADD ATTRIBUTE {short} {type} {CASCADE|}
ALTER TYPE {composite} DROP ATTRIBUTE {attribute} {CASCADE|}
ALTER TYPE {composite} ALTER ATTRIBUTE {attribute} TYPE {integer|text|numeric(8)|bigint} {CASCADE|}
ALTER TYPE {composite} ALTER ATTRIBUTE {attribute} TYPE text COLLATE {collation}
ALTER TYPE {composite} RENAME ATTRIBUTE {attribute} TO {short} {CASCADE|}
CREATE TABLE {schema}.{new} OF {composite} {(PRIMARY KEY ({attribute}))|({attribute} WITH OPTIONS NOT NULL)|({attribute} DEFAULT NULL)|}
ALTER TABLE {oftype}
ALTER TABLE {typed} NOT OF
DROP TYPE {composite} CASCADE

-- ranges and base types
CREATE TYPE {schema}.{new} AS RANGE (subtype = {integer|text|timestamptz|{usertype}} {, multirange_type_name = {new2}|, collation = "C"|})
CREATE TYPE {schema}.{new}
ALTER TYPE {multirange} RENAME TO {new}
ALTER TYPE {range} RENAME TO {new}
DROP TYPE {range} CASCADE

ALTER TYPE {base} SET ({ANALYZE = {range_typanalyze|NONE}|SEND = int4send, RECEIVE = int4recv|SEND = NONE})
ALTER TYPE {base} RENAME TO {new}

-- functions
CREATE FUNCTION {schema}.{new}({a integer, OUT b integer|a text, INOUT b text DEFAULT 'x'|OUT x integer, VARIADIC a integer[]|OUT a integer|INOUT a text}) LANGUAGE sql AS 'SELECT NULL'
CREATE FUNCTION {schema}.{new}({|a {type}}) RETURNS {integer|SETOF integer|TABLE (x integer, y text)|{type2}} LANGUAGE plpgsql {IMMUTABLE|STABLE|STRICT|SECURITY DEFINER|COST 7|SET search_path = ''|SET work_mem = '7MB' SET datestyle = 'ISO'|PARALLEL SAFE|LEAKPROOF|} AS $$BEGIN RETURN{|  }; END$$
CREATE OR REPLACE FUNCTION {twice}(value integer) RETURNS integer LANGUAGE sql {IMMUTABLE|STABLE|} AS {'SELECT value * 2'|'SELECT value + value'|E'-- doubled\nSELECT value * 2'}
CREATE OR REPLACE FUNCTION {schema}.{new}(a integer) RETURNS integer LANGUAGE sql {IMMUTABLE|} RETURN a + {1|2}
CREATE FUNCTION {schema}.{new}() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM {table}; END
CREATE FUNCTION {schema}.{new}(r {table}) RETURNS SETOF {table2} LANGUAGE sql AS 'SELECT * FROM {table2}'
ALTER FUNCTION {routine} {IMMUTABLE|STABLE|VOLATILE|STRICT|CALLED ON NULL INPUT|SECURITY DEFINER|SECURITY INVOKER|LEAKPROOF|NOT LEAKPROOF|PARALLEL SAFE|PARALLEL UNSAFE|COST {1|100|3}}
ALTER FUNCTION {routine} SET {search_path = public|search_path = annex, public|work_mem = '9MB'|timezone = 'UTC'}
ALTER FUNCTION {routine} RESET {search_path|work_mem|ALL}
ALTER FUNCTION {routine} {DEPENDS|NO DEPENDS} ON EXTENSION plpgsql
DROP FUNCTION {routine} {CASCADE|}

CREATE FUNCTION {schema}.{new}() RETURNS bigint LANGUAGE internal WINDOW AS 'window_row_number'
CREATE FUNCTION {schema}.{new}(a integer) RETURNS integer TRANSFORM FOR TYPE integer LANGUAGE plpgsql AS 'BEGIN RETURN a; END'

-- procedures
CREATE PROCEDURE {schema}.{new}({a integer|INOUT a text|}) LANGUAGE {plpgsql AS 'BEGIN END'|sql AS 'SELECT 1'}
CREATE OR REPLACE PROCEDURE {schema}.{tidy|other}(days integer DEFAULT {7|8}) LANGUAGE plpgsql AS 'BEGIN {RETURN;|} END'
ALTER PROCEDURE {procedure} {SECURITY DEFINER|SECURITY INVOKER|SET work_mem = '8MB'|RESET ALL}
ALTER PROCEDURE {procedure} RENAME TO {new}
DROP PROCEDURE {procedure}

-- aggregates
CREATE AGGREGATE {schema}.{new}({integer|bigint}) (SFUNC = {int4pl|int4larger}, STYPE = integer {, INITCOND = '0'|, PARALLEL = safe|, COMBINEFUNC = int4pl|, SSPACE = 64|})
CREATE OR REPLACE AGGREGATE {new}(numeric) (SFUNC = {adder}, STYPE = numeric {, INITCOND = '1'|, FINALFUNC = abs|})
ALTER AGGREGATE {aggregate} RENAME TO {new}
DROP AGGREGATE {aggregate} {CASCADE|}

-- operators
CREATE OPERATOR {annex.|}{==|~<|@@@} (LEFTARG = integer, RIGHTARG = integer, FUNCTION = {int4eq|int4ne} {, COMMUTATOR = {==|~<}|, NEGATOR = {<<<|@@@}|, HASHES|, RESTRICT = eqsel, JOIN = eqjoinsel|})
ALTER OPERATOR {operator} SET (RESTRICT = {eqsel|NONE})
ALTER OPERATOR {operator} SET (JOIN = {eqjoinsel|NONE})
DROP OPERATOR {operator} {CASCADE|}

-- operator classes
CREATE OPERATOR FAMILY {schema}.{new} USING {btree|hash|gin}
CREATE OPERATOR CLASS {schema}.{new} {DEFAULT |}FOR TYPE {integer USING btree AS OPERATOR 1 <, FUNCTION 1 btint4cmp(integer, integer)|{enum} USING btree AS OPERATOR 1 <(anyenum, anyenum), OPERATOR 3 =(anyenum, anyenum), FUNCTION 1 enum_cmp(anyenum, anyenum)}
CREATE OPERATOR CLASS {schema}.{new} FOR TYPE {enum} USING hash AS OPERATOR 1 =(anyenum, anyenum), FUNCTION 1 hashenum(anyenum)
ALTER OPERATOR FAMILY {btreefamily} ADD OPERATOR {1|2} < (integer, {bigint|smallint})
ALTER OPERATOR FAMILY {btreefamily} ADD FUNCTION 1 (integer, {bigint) btint48cmp|smallint) btint42cmp}
ALTER OPERATOR FAMILY {familyoperator}
ALTER OPERATOR FAMILY {familyfunction}
ALTER OPERATOR FAMILY integer_ops USING btree {ADD FUNCTION 1 (integer, numeric) {compare}|DROP FUNCTION 1 (integer, numeric)}
ALTER OPERATOR FAMILY {family} RENAME TO {new}
ALTER OPERATOR CLASS {class} RENAME TO {new}
DROP OPERATOR CLASS {class} {CASCADE|}
DROP OPERATOR FAMILY {family} {CASCADE|}

-- casts
CREATE CAST ({enum} AS {integer|bigint|varchar}) WITH INOUT {AS ASSIGNMENT|AS IMPLICIT|}
CREATE CAST (integer AS {composite}) WITH INOUT
CREATE FUNCTION {schema}.to_number({enum}) RETURNS smallint LANGUAGE sql AS 'SELECT 1::smallint'
CREATE CAST ({castable}
DROP CAST {cast} {CASCADE|}

-- collations
CREATE COLLATION {schema}.{new} FROM {collation}
CREATE COLLATION {schema}.{new} (LOCALE = {'C'|'POSIX'})
CREATE COLLATION {schema}.{new} (LC_COLLATE = 'C', LC_CTYPE = 'POSIX')
CREATE COLLATION {schema}.{new} (PROVIDER = builtin, LOCALE = {'C'|'C.UTF-8'}) --@17+
DROP COLLATION {ourcollation} {CASCADE|}

-- conversions
CREATE {DEFAULT |}CONVERSION {schema}.{new} FOR {'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8|'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1}
ALTER CONVERSION {conversion} RENAME TO {new}
DROP CONVERSION {conversion}

-- languages and transforms
CREATE {TRUSTED |}LANGUAGE {new} HANDLER plpgsql_call_handler {INLINE plpgsql_inline_handler|} {VALIDATOR plpgsql_validator|}
ALTER LANGUAGE {language} RENAME TO {new}
DROP LANGUAGE {language} {CASCADE|}
CREATE OR REPLACE TRANSFORM FOR {integer|bigint|mood} LANGUAGE {plpgsql|sql} (FROM SQL WITH FUNCTION prsd_lextype(internal) {, TO SQL WITH FUNCTION int4recv(internal)|})
DROP TRANSFORM {transform}
CREATE ACCESS METHOD {new} TYPE {TABLE HANDLER heap_tableam_handler|INDEX HANDLER bthandler}
DROP ACCESS METHOD {accessmethod} {CASCADE|}

-- text search
CREATE TEXT SEARCH DICTIONARY {schema}.{new} (TEMPLATE = {simple|simple, ACCEPT = false|snowball, LANGUAGE = english|synonym, SYNONYMS = synonym_sample})
ALTER TEXT SEARCH DICTIONARY {dictionary} (STOPWORDS {= english|= french|})
ALTER TEXT SEARCH DICTIONARY {dictionary} (ACCEPT {= true|= false|})
CREATE TEXT SEARCH CONFIGURATION {schema}.{new} ({COPY = simple|COPY = english|PARSER = default})
ALTER TEXT SEARCH CONFIGURATION {configuration} ADD MAPPING FOR {unmapped} WITH {simple|{dictionary}|{dictionary}, simple}
ALTER TEXT SEARCH CONFIGURATION {configuration} ALTER MAPPING FOR {mapping} WITH {simple|{dictionary}|{dictionary}, simple}
ALTER TEXT SEARCH CONFIGURATION {configuration} ALTER MAPPING REPLACE simple WITH {dictionary}
ALTER TEXT SEARCH CONFIGURATION {configuration} DROP MAPPING FOR {mapping}
ALTER {tsobject} RENAME TO {new}
CREATE TEXT SEARCH TEMPLATE {schema}.{new} (LEXIZE = dsimple_lexize {, INIT = dsimple_init|})
CREATE TEXT SEARCH PARSER {schema}.{new} (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype {, HEADLINE = prsd_headline|})
DROP {tsobject} {CASCADE|}

-- triggers
CREATE TRIGGER {new} {BEFORE|AFTER} {INSERT|UPDATE|DELETE|INSERT OR UPDATE|UPDATE OF {column}} ON {table} FOR EACH ROW EXECUTE FUNCTION {triggerfunction}()
CREATE TRIGGER {new} AFTER {UPDATE REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows|TRUNCATE|INSERT} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {triggerfunction}({'x', 'y'|})
CREATE TRIGGER {new} BEFORE UPDATE ON {table} FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION {triggerfunction}()
CREATE CONSTRAINT TRIGGER {new} AFTER INSERT ON {table} {DEFERRABLE|DEFERRABLE INITIALLY DEFERRED|} FOR EACH ROW EXECUTE FUNCTION {triggerfunction}()
CREATE TRIGGER {new} INSTEAD OF INSERT ON {view} FOR EACH ROW EXECUTE FUNCTION {triggerfunction}()
CREATE OR REPLACE TRIGGER {new} AFTER {INSERT|DELETE} ON {table} FOR EACH ROW EXECUTE FUNCTION {triggerfunction}()
ALTER TABLE {table} {ENABLE|DISABLE|ENABLE REPLICA|ENABLE ALWAYS} TRIGGER {trigger}
ALTER TABLE ONLY {table} {ENABLE|DISABLE} TRIGGER {trigger}
ALTER TABLE {table} {ENABLE|DISABLE} TRIGGER {ALL|USER}
ALTER TRIGGER {triggered} RENAME TO {new}
DROP TRIGGER {triggered}

-- event triggers
CREATE EVENT TRIGGER {new} ON {ddl_command_start|ddl_command_end|sql_drop} {WHEN TAG IN ({'DROP TABLE', 'CREATE VIEW'|'ALTER TABLE'})|} EXECUTE FUNCTION {eventfunction}()
ALTER EVENT TRIGGER {eventtrigger} {DISABLE|ENABLE|ENABLE REPLICA|ENABLE ALWAYS}
ALTER EVENT TRIGGER {eventtrigger} RENAME TO {new}
DROP EVENT TRIGGER {eventtrigger}

-- rules
CREATE OR REPLACE RULE {new} AS ON {INSERT|UPDATE|DELETE} TO {table} DO {ALSO|INSTEAD} NOTHING
CREATE RULE {new} AS ON INSERT TO {table} WHERE NEW.{column} IS NULL DO INSTEAD SELECT 1
CREATE RULE {new} AS ON UPDATE TO {view} DO INSTEAD NOTHING
ALTER TABLE {ruled}
ALTER RULE {rule} RENAME TO {new}
DROP RULE {rule}

-- policies
CREATE POLICY {new} ON {table} {AS RESTRICTIVE |}{FOR ALL|FOR SELECT|FOR UPDATE|FOR DELETE} TO {grantee} USING ({condition})
CREATE POLICY {new} ON {table} FOR INSERT TO {role}, {role2} WITH CHECK ({condition})
ALTER POLICY {policy} TO {role}, {grantee}
ALTER POLICY {policy} RENAME TO {new}
ALTER POLICY {policy} USING ({true|false})
DROP POLICY {policy}

-- row security
ALTER TABLE {table} {ENABLE|DISABLE} ROW LEVEL SECURITY
ALTER TABLE {table} {FORCE|NO FORCE} ROW LEVEL SECURITY

-- comments
COMMENT ON {relation} IS {words}
COMMENT ON {thing} IS {words}
COMMENT ON {shared} IS {words}
COMMENT ON {commented} IS {words}
COMMENT ON COLUMN {table}.{column} IS {words}
COMMENT ON FUNCTION {builtin} IS {words}

-- grants on relations
GRANT {SELECT|INSERT|UPDATE, DELETE|TRUNCATE|ALL} ON {privileged} TO {grantee}
GRANT {SELECT|INSERT|TRIGGER} ON {privileged} TO {role} WITH GRANT OPTION
GRANT {SELECT|UPDATE|ALL} ({column}) ON {table} TO {grantee}
REVOKE {SELECT|UPDATE|ALL} ({column}) ON {table} FROM {grantee}
REVOKE {SELECT|INSERT|ALL} ON {privileged} FROM {grantee}
REVOKE GRANT OPTION FOR {SELECT|ALL} ON {privileged} FROM {role} CASCADE
REVOKE {ALL|UPDATE} ON {privileged} FROM CURRENT_USER
GRANT {USAGE|SELECT|ALL} ON SEQUENCE {sequence} TO {grantee}
REVOKE ALL ON SEQUENCE {sequence} FROM {grantee}
GRANT {SELECT|ALL} ON ALL TABLES IN SCHEMA {schema} TO {role}
REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}

SET ROLE {grantable} TO {role}; RESET ROLE
SET ROLE {regrantable}; RESET ROLE

-- other grants
GRANT EXECUTE ON FUNCTION {routine} TO {role} {WITH GRANT OPTION|}
REVOKE {ALL|EXECUTE} ON FUNCTION {routine} FROM {PUBLIC|{role}}
GRANT {USAGE|CREATE|ALL} ON SCHEMA {schema} TO {grantee}
REVOKE {USAGE|CREATE|ALL} ON SCHEMA {schema} FROM {grantee}
GRANT USAGE ON TYPE {usertype} TO {role}
REVOKE ALL ON TYPE {usertype} FROM {PUBLIC|{role}}
GRANT USAGE ON LANGUAGE {plpgsql|{language}} TO {role}
REVOKE USAGE ON LANGUAGE plpgsql FROM {PUBLIC|{role}}
GRANT USAGE ON FOREIGN {SERVER {server}|DATA WRAPPER {wrapper}} TO {role}
REVOKE ALL ON FOREIGN {SERVER {server}|DATA WRAPPER {wrapper}} FROM {role}
GRANT EXECUTE ON FUNCTION {builtin} TO {role}
REVOKE EXECUTE ON FUNCTION {builtin} FROM {PUBLIC|{role}}
GRANT SELECT ON pg_catalog.{pg_authid|pg_class} TO {role}
REVOKE SELECT ON pg_catalog.{pg_authid|pg_class} FROM {PUBLIC|{role}}
GRANT EXECUTE ON PROCEDURE {procedure} TO {role}

-- default privileges
ALTER DEFAULT PRIVILEGES {IN SCHEMA {schema} |FOR ROLE {role} |FOR ROLE {role} IN SCHEMA {schema} |}GRANT {SELECT ON TABLES|USAGE ON SEQUENCES|EXECUTE ON FUNCTIONS|USAGE ON TYPES|ALL ON TABLES} TO {grantee} {WITH GRANT OPTION|}
ALTER DEFAULT PRIVILEGES {IN SCHEMA {schema} |FOR ROLE {role} |}REVOKE {ALL ON TABLES|USAGE ON SEQUENCES|EXECUTE ON FUNCTIONS|USAGE ON TYPES} FROM {grantee}
ALTER DEFAULT PRIVILEGES {FOR ROLE {role} |}GRANT USAGE ON SCHEMAS TO {role}

-- owners
ALTER {owned} OWNER TO {{role}|CURRENT_USER}
ALTER {thing} OWNER TO {{role}|CURRENT_USER}
ALTER {shared} OWNER TO {{role}|CURRENT_USER}
REASSIGN OWNED BY {role} TO {role2}
DROP OWNED BY {role}

SET ROLE {maker}; CREATE {TABLE public.{new} (id integer)|SEQUENCE public.{new}|VIEW public.{new} AS SELECT 1 AS one|TYPE public.{new} AS ENUM ('x')}; RESET ROLE
SET ROLE {maker}; CREATE TABLE public.{new} (id serial PRIMARY KEY); RESET ROLE

-- renames
ALTER TABLE {table} RENAME TO {new}
ALTER {relation} RENAME TO {new}
ALTER {thing} RENAME TO {new}
ALTER {shared} RENAME TO {new}
ALTER ROLE {role} RENAME TO {clerk|auditor|keeper|"Chief Clerk"}

-- schemas
CREATE SCHEMA {new} {AUTHORIZATION {role}|}
ALTER SCHEMA {schema} RENAME TO {new}
ALTER {owned} SET SCHEMA {schema}
ALTER {thing} SET SCHEMA {schema}
DROP SCHEMA {empty}
DROP SCHEMA {small} CASCADE
CREATE SCHEMA {new} CREATE TABLE tab (id integer) CREATE VIEW vue AS SELECT id FROM tab

-- partitions
CREATE TABLE {schema}.{new} (at date, id integer) PARTITION BY {RANGE (at)|LIST (id)|HASH (id)|RANGE (id, at)|LIST (({id + 1|id}))}
CREATE TABLE {schema}.{new} PARTITION OF {dated} FOR VALUES FROM ('{2001|2002|2003}-01-01') TO ('{2003|2004|2005}-01-01')
CREATE TABLE {schema}.{new} PARTITION OF {partitioned} DEFAULT
CREATE TABLE {schema}.{new} PARTITION OF {listed} FOR VALUES IN ({1|2|3, 4|NULL}) {PARTITION BY LIST (kind)|}
CREATE TABLE {schema}.{new} PARTITION OF {listed} (id {NOT NULL|DEFAULT 1|WITH OPTIONS CHECK (id <> 0)}) FOR VALUES IN ({5|6})
CREATE TABLE {schema}.{new} PARTITION OF {hashed} FOR VALUES WITH (MODULUS {2|4}, REMAINDER {0|1})
ALTER TABLE {alikedated} FOR VALUES FROM ('{2006|2007}-01-01') TO (MAXVALUE)
ALTER TABLE {alikelisted} FOR VALUES IN ({7|8})
CREATE TABLE {schema}.{new} (LIKE {partitioned} {INCLUDING ALL|INCLUDING CONSTRAINTS|})
ALTER TABLE {ofpartition} DETACH PARTITION {partition}
ALTER TABLE {ofpartition} DETACH PARTITION {partition} CONCURRENTLY --alone
ALTER TABLE {alike} DEFAULT
DROP TABLE {partition}

-- inheritance
CREATE TABLE {schema}.{new} ({more integer|}) INHERITS ({free})
CREATE TABLE {schema}.{new} ({|{short} text}) INHERITS ({free}, {free2})
ALTER TABLE {inherits}
CREATE TABLE {schema}.{new} (LIKE {father} {INCLUDING ALL|INCLUDING CONSTRAINTS|}, extra integer)
ALTER TABLE {heir} NO INHERIT {ofheir}
ALTER TABLE {father} ADD {short} {integer|text NOT NULL|integer DEFAULT 3}
ALTER TABLE {father} {ADD CHECK ({fatherly} IS NOT NULL)|ADD CONSTRAINT {new} CHECK ({fatherly} IS NOT NULL) {NOT VALID|}}
ALTER TABLE {|ONLY }{father} ALTER {fatherly} {SET NOT NULL|DROP NOT NULL|SET DEFAULT NULL|DROP DEFAULT}
ALTER TABLE ONLY {father} {ADD CHECK ({fatherly} IS NOT NULL) NO INHERIT|DROP {fatherly}}
ALTER TABLE {heir} {ADD CHECK ({fatherof} IS NOT NULL)|ALTER {fatherof} {SET|DROP} NOT NULL|ALTER {fatherof} {SET DEFAULT NULL|DROP DEFAULT}}

-- extended statistics
CREATE STATISTICS {schema}.{new} {(ndistinct)|(mcv, dependencies)|} ON {column}, {column2} FROM {table}
CREATE STATISTICS {schema}.{new} ON ({condition}) FROM {table}
ALTER STATISTICS {statistics} SET STATISTICS {0|100|-1}
ALTER STATISTICS {statistics} RENAME TO {new}
DROP STATISTICS {statistics}

-- publications
CREATE PUBLICATION {new} {FOR ALL TABLES|FOR TABLE {plain}|FOR TABLE {plain} ({plaincolumn})|FOR TABLE {plain} WHERE ({plaincondition})|FOR TABLES IN SCHEMA {schema}|} {WITH (publish = 'insert, update')|WITH (publish_via_partition_root = true)|}
ALTER PUBLICATION {publication} {ADD|SET} {TABLE {plain}|TABLE {plain} ({plaincolumn})|TABLES IN SCHEMA {schema}}
ALTER PUBLICATION {published}
ALTER PUBLICATION {publication} SET (publish = '{insert|insert, update, delete, truncate}')
ALTER PUBLICATION {publication} SET (publish_generated_columns = {stored|none}) --@18+
ALTER PUBLICATION {publication} RENAME TO {new}
DROP PUBLICATION {publication}

-- subscriptions
CREATE SUBSCRIPTION {new} CONNECTION 'dbname={nowhere|elsewhere}' PUBLICATION {new2} WITH (connect = false, slot_name = NONE {, binary = true|, streaming = true|, synchronous_commit = local|})
ALTER SUBSCRIPTION {subscription} SET PUBLICATION {new2} WITH (refresh = false)
ALTER SUBSCRIPTION {subscription} SET ({binary = {true|false}|streaming = {true|false}|disable_on_error = {true|false}})
ALTER SUBSCRIPTION {subscription} SET (run_as_owner = {true|false}) --@16+
ALTER SUBSCRIPTION {subscription} CONNECTION 'dbname={nowhere|anywhere}'
ALTER SUBSCRIPTION {subscription} RENAME TO {new}
DROP SUBSCRIPTION {subscription}

-- foreign objects
CREATE FOREIGN DATA WRAPPER {new} {OPTIONS (mode 'x')|}
ALTER FOREIGN DATA WRAPPER {wrapper} OPTIONS ({{ADD|SET} {mode|other} {'x'|'y'}|DROP {mode|other}})
CREATE SERVER {new} {TYPE 'x'|VERSION '1'|} FOREIGN DATA WRAPPER {wrapper} {OPTIONS (host 'here')|}
ALTER SERVER {server} {VERSION '{1|2}'|OPTIONS ({ADD|SET} {host|port} '{x|5432}')|OPTIONS (DROP host)}
CREATE USER MAPPING FOR {PUBLIC|{role}} SERVER {server} OPTIONS (login {'x'|'y'})
ALTER USER MAPPING FOR {mapped} OPTIONS (SET login {'p'|'q'})
DROP USER MAPPING FOR {mapped}
CREATE FOREIGN TABLE {schema}.{new} ({short} {type} {OPTIONS (name 'x')|NOT NULL|}) SERVER {server} {OPTIONS (far 'away')|}
ALTER FOREIGN TABLE {foreign} {ADD {short} {type}|OPTIONS (ADD more 'x')|OPTIONS (SET name 'y')|ALTER {foreigncolumn} OPTIONS (ADD name 'x')|ALTER {foreigncolumn} SET NOT NULL|ADD CHECK ({foreigncolumn} IS NOT NULL)}
DROP {SERVER {server} CASCADE|FOREIGN DATA WRAPPER {wrapper} CASCADE|FOREIGN TABLE {foreign}}

-- extensions
CREATE EXTENSION {extension} {SCHEMA {schema}|}
DROP EXTENSION {extended} CASCADE
ALTER EXTENSION {extended} SET SCHEMA {schema}
ALTER EXTENSION {plpgsql|{extended}} ADD {FUNCTION {routine}|TABLE {free}|VIEW {view}}
ALTER EXTENSION {memberof}
COMMENT ON EXTENSION plpgsql IS {words}

-- database
COMMENT ON DATABASE {database} IS {words}
ALTER DATABASE {database} SET {work_mem = '{6MB|7MB}'|search_path = annex, public|timezone = 'UTC'}
ALTER DATABASE {database} RESET {work_mem|ALL}
ALTER ROLE {role} IN DATABASE {database} SET {work_mem = '5MB'|search_path = annex}
ALTER ROLE {role} IN DATABASE {database} RESET ALL
ALTER DATABASE {database} CONNECTION LIMIT {-1|50}
GRANT {CREATE|CONNECT|TEMPORARY|ALL} ON DATABASE {database} TO {grantee}
REVOKE {CREATE|CONNECT|TEMPORARY|ALL} ON DATABASE {database} FROM {grantee}
ALTER DATABASE {database} OWNER TO {{role}|CURRENT_USER}

-- data and upkeep
INSERT INTO item (code) VALUES ({'x'|'y'})
INSERT INTO {plain} DEFAULT VALUES
TRUNCATE {plain} CASCADE
ANALYZE {table}
VACUUM ({FREEZE|FULL|ANALYZE}) {plain} --alone
VACUUM {FREEZE|FULL} pg_catalog.{pg_class|pg_attribute|pg_proc|pg_type|pg_constraint|pg_depend} --alone
CLUSTER {clustered}
REINDEX SYSTEM {database} --alone

-- tables there and back
CREATE TABLE {schema}.{new} (id serial PRIMARY KEY, {short} {type}); DROP TABLE {schema}.{new}
ALTER TABLE {table} ADD {short} {type}; ALTER TABLE {table} DROP {short}
ALTER TABLE {table} ADD {short} integer CHECK ({short} > 0) DEFAULT 4; ALTER TABLE {table} DROP {short}
{backrename}
{backcolumn}
{backschema}
{backowner}
{backoption}
{backnotnull}
{backdefault}
{backpartition}
{backinherit}
{backsecurity}
{backstorage}

-- parts of tables there and back
{backconstraint}
{backindex}
{backtrigger}
{backrule}
{backenabled}
{backcomment}
{backgrant}
{backcolumngrant}
{backindexoption}
{backcolumnoption}
CREATE INDEX {new} ON {table} ({column}); ALTER INDEX {new} RENAME TO passing; DROP INDEX passing
ALTER TABLE {table} ADD CONSTRAINT {new} CHECK ({condition}); ALTER TABLE {table} DROP CONSTRAINT {new}
ALTER TABLE {table} ADD CONSTRAINT {new} FOREIGN KEY ({link}); ALTER TABLE {table} DROP CONSTRAINT {new}
CREATE POLICY {new} ON {table} USING (true); DROP POLICY {new} ON {table}

-- others there and back
{backview}
{backmatview}
{backfunction}
{backconfig}
{backlabel}
{backdomain}
{backpublished}
{backstatistics}
{backserveroption}
{backdictionary}
{backexecute}
{backeventtrigger}
{backsubscription}
{backdatabase}
CREATE TYPE {schema}.{new} AS ENUM ('x'); ALTER TYPE {schema}.{new} ADD VALUE 'y'; DROP TYPE {schema}.{new}
ALTER TYPE {composite} ADD ATTRIBUTE {short} integer; ALTER TYPE {composite} DROP ATTRIBUTE {short}
ALTER DEFAULT PRIVILEGES FOR ROLE {role} GRANT SELECT ON TABLES TO {role2}; ALTER DEFAULT PRIVILEGES FOR ROLE {role} REVOKE SELECT ON TABLES FROM {role2}
CREATE SCHEMA passing; CREATE TABLE passing.by (id integer); DROP SCHEMA passing CASCADE
