"""Runs an Alembic environment for Stairway: one request a line on standard input, answers on standard output.

Knows Alembic and SQLAlchemy, by their public interfaces. Must not know what a step is for, and never
opens a connection to anything but the address that it was given: whatever an env.py reads and says,
its connections to PostgreSQL lead there.
"""

import ast
import io
import json
import os
import select
import signal
import sys
import tempfile
import threading
import tokenize
import traceback
import weakref


def watch():
    """Ends this group when whoever asks is gone, also where a script lets no other thread run."""
    if os.fork():
        return
    try:
        os.closerange(1, 3)
        gone = select.poll()
        gone.register(0, 0)
        gone.poll()
        os.killpg(os.getpgrp(), signal.SIGKILL)
    finally:
        os._exit(1)


watch()
ASKED = os.fdopen(os.dup(0), encoding="utf-8")
ANSWERS = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
# Whoever asks for input gets none: what comes in is for us.
with open(os.devnull) as nothing:
    os.dup2(nothing.fileno(), 0)
# What scripts print goes into a file, whoever prints it: C code too.
OUTPUT = tempfile.TemporaryFile()
os.dup2(OUTPUT.fileno(), 1)
os.dup2(OUTPUT.fileno(), 2)
sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)

SYNC_DRIVERS = ["psycopg2", "psycopg", "pg8000", "asyncpg"]
ASYNC_DRIVERS = ["asyncpg", "psycopg"]
# Parameters of drivers that speak of TLS or of where to look further.
ELSEWHERE = [
    "ssl", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "ssl_context", "channel_binding",
    "target_session_attrs", "requiressl", "hostaddr", "service", "passfile", "direct_tls", "unix_sock", "gssencmode",
]


class Problem(Exception):
    """Something that the user can mend, in words for them."""


class State:
    config = None
    scripts = None
    door = None
    revision = None
    # The file of the last one that was reached.
    path = None
    # Whether the revision's own function was reached.
    entered = False
    # Whether the env.py expects to be called by a server that is asynchronous.
    in_worker = False
    # The Flask application in whose context an env.py expects to run.
    app = None
    # Schema, if its own is said, and name of the version table.
    table = (None, "alembic_version")
    # What configures a context where none runs.
    configured = None
    # The connections that were led to the door, by their identity, as long as a step lasts.
    led = {}


def answer(message):
    ANSWERS.write(json.dumps(message))
    ANSWERS.write("\n")
    ANSWERS.flush()


def printed():
    sys.stdout.flush()
    sys.stderr.flush()
    OUTPUT.seek(0)
    text = OUTPUT.read().decode("utf-8", "replace")
    OUTPUT.seek(0)
    OUTPUT.truncate()
    return text


# -- the environment ---------------------------------------------------------------------------------


def open_environment(request):
    """Reads the configuration and all revisions."""
    try:
        import alembic
        from alembic.config import Config
        from alembic.script import ScriptDirectory
    except ImportError as error:
        raise Problem(f"Alembic can't be imported: {error}")
    from argparse import Namespace

    directory = request["directory"]
    os.chdir(directory)
    if directory not in sys.path:
        sys.path.append(directory)
    arguments = {"cmd_opts": Namespace(x=request["x"] or None, name=request["section"])}
    if request["toml"]:
        arguments["toml_file"] = request["toml"]
    config = Config(request["ini"], ini_section=request["section"], **arguments)
    if request["ini"] and request["section"] != "alembic" and not config.file_config.has_section(request["section"]):
        raise Problem(f"{request['ini']} has no section [{request['section']}]")
    if request["script_location"]:
        config.set_main_option("script_location", request["script_location"].replace("%", "%%"))
    State.config = config
    State.scripts = ScriptDirectory.from_config(config)
    listen()
    check(State.scripts)
    if not State.scripts.get_heads():
        # Its env.py may say where revisions are.
        State.scripts = ScriptDirectory.from_config(config)
        ask_env(config, State.scripts)
    State.table = version_table(request, config)
    found = history(State.scripts)
    found["version_table_schema"], found["version_table"] = State.table
    found["models"] = models_digest(directory) if speaks_of_models() else None
    versions = {"alembic": alembic.__version__, "python": sys.version.split()[0]}
    return {**versions, **found, "digest": digest(directory, config, State.scripts)}


def digest(directory, config, scripts):
    """A digest of everything of the project that revisions are known to depend on: the folder of scripts, what
    they have imported, SQL beside them, and the configuration."""
    import hashlib

    files = {config.config_file_name, getattr(config, "toml_file_name", None)}
    for module in list(sys.modules.values()):
        files.add(getattr(module, "__file__", None))
    for folder, names, inside in os.walk(directory):
        names[:] = sorted(it for it in names if not is_foreign(it))
        is_script = os.path.abspath(folder).startswith(os.path.abspath(scripts.dir))
        files.update(os.path.join(folder, it) for it in inside if is_script or it.endswith(".sql"))
    within = {os.path.relpath(os.path.abspath(it), directory) for it in files if it}
    result = hashlib.sha256()
    for path in sorted(within):
        if any(is_foreign(it) for it in path.split(os.sep)) or not os.path.isfile(path):
            continue
        with open(path, "rb") as file:
            result.update(path.encode() + hashlib.sha256(file.read()).digest())
    return result.hexdigest()[:16]


def speaks_of_models():
    """Whether the env.py gives metadata, as far as its text tells."""
    with open(os.path.join(State.scripts.dir, "env.py"), encoding="utf-8", errors="replace") as file:
        lines = [line.split("#")[0].replace(" ", "").strip() for line in file]
    return any("target_metadata=" in line and "target_metadata=None" not in line for line in lines)


def models_digest(directory):
    """A digest of all Python of the project: models may be anywhere in it."""
    import hashlib

    result = hashlib.sha256()
    for folder, names, inside in os.walk(directory):
        names[:] = sorted(it for it in names if not is_foreign(it))
        for name in sorted(it for it in inside if it.endswith(".py")):
            with open(os.path.join(folder, name), "rb") as file:
                result.update(name.encode() + hashlib.sha256(file.read()).digest())
    return result.hexdigest()[:16]


def is_foreign(name):
    """Whether a file or folder of this name is none of the project's own sources."""
    return name.startswith(".") or name in ("site-packages", "__pycache__", "node_modules", "venv", "target")


def check(scripts):
    """Reads all revisions; what Alembic only warns of is an error here, since a file would not be run."""
    import warnings

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            scripts.get_heads()
        except KeyError as error:
            raise Problem(f"no file has the revision {error}, which a down_revision or depends_on names")
    for warning in said:
        words = str(warning.message)
        if "present more than once" in words or "not present" in words:
            raise Problem(words)


def version_table(request, config):
    """Schema and name of the version table, as far as somebody says something of them."""
    schema, name = request["version_table_schema"], request["version_table"]
    if schema or name:
        return schema, name or "alembic_version"
    with open(os.path.join(State.scripts.dir, "env.py"), encoding="utf-8", errors="replace") as file:
        if "version_table" not in file.read():
            return None, "alembic_version"
    try:
        ask_env(config, State.scripts)
    except Exception as error:
        raise Problem(
            f"its env.py names a version table, and can't be asked for it without a database "
            f"({type(error).__name__}: {error}): {SAY_TABLE}"
        )
    schema, name = State.configured or (None, None)
    return schema, name or "alembic_version"


SAY_TABLE = "say version-table and version-table-schema in [alembic] of stairway.toml"


def ask_env(config, scripts):
    """Runs the env.py without a connection and without any revision."""
    config.output_buffer = io.StringIO()
    State.configured = None
    has_url = config.get_main_option("sqlalchemy.url")
    has_variable = "DATABASE_URL" in os.environ
    # A URL says which dialect is meant.
    if not has_url:
        config.set_main_option("sqlalchemy.url", "postgresql://")
    os.environ.setdefault("DATABASE_URL", "postgresql://")
    try:
        with environment(config, scripts, fn=lambda heads, context: [], as_sql=True):
            scripts.run_env()
    finally:
        config.output_buffer = None
        if not has_url:
            config.remove_main_option("sqlalchemy.url")
        if not has_variable:
            del os.environ["DATABASE_URL"]


def history(scripts):
    """All revisions, base first, in an order in which each comes after what it needs."""
    found = [describe(script) for script in reversed(list(scripts.walk_revisions("base", "heads")))]
    return {
        "folder": scripts.dir,
        "env": os.path.join(scripts.dir, "env.py"),
        "heads": list(scripts.get_heads()),
        "bases": list(scripts.get_bases()),
        "revisions": found,
    }


def describe(script):
    try:
        with tokenize.open(script.path) as file:
            text = file.read()
        functions = functions_of(text)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise Problem(f"{script.path}: {error}")
    for name in ("upgrade", "downgrade"):
        # Alembic asks for the name only, wherever it was made.
        if name not in functions and callable(getattr(script.module, name, None)):
            functions[name] = {"first": 1, "last": 1, "kind": "something", "autocommit": False}
    return {
        "revision": script.revision,
        "down": several(script.down_revision),
        "depends": list(script._resolved_dependencies),
        "labels": sorted(script.branch_labels),
        "gives": several(getattr(script.module, "branch_labels", None)),
        "doc": script.doc or "",
        "path": script.path,
        "text": text,
        "upgrade": functions.get("upgrade"),
        "downgrade": functions.get("downgrade"),
    }


def several(value):
    """Alembic says one, several or none in its own ways."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def functions_of(text):
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in ("upgrade", "downgrade"):
            source = ast.get_source_segment(text, node) or ""
            found[node.name] = {
                "first": node.lineno,
                "last": node.end_lineno or node.lineno,
                "kind": kind_of(node.body),
                "autocommit": "autocommit_block" in source,
            }
    return found


def kind_of(body):
    """What a function does, as far as its text tells: `nothing`, `raises` or `something`."""
    rest = [node for node in body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    if all(isinstance(node, ast.Pass) or (isinstance(node, ast.Return) and node.value is None) for node in rest):
        return "nothing"
    plain = (ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom)
    raises = isinstance(rest[-1], ast.Raise) and all(isinstance(node, plain) for node in rest[:-1])
    return "raises" if raises or isinstance(rest[0], ast.Raise) else "something"


# -- connections -------------------------------------------------------------------------------------


def listen():
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    lead_drivers()
    event.listen(Engine, "do_connect", redirect)
    event.listen(Engine, "engine_connect", remember)
    event.listen(Engine, "before_cursor_execute", note)


def lead_drivers():
    """Has the drivers themselves connect to the door, whoever calls them and with what."""
    if is_there("psycopg2"):
        import psycopg2

        plain = psycopg2.connect

        def connect(dsn=None, connection_factory=None, cursor_factory=None, **named):
            named = {**(psycopg2.extensions.parse_dsn(dsn) if dsn else {}), **named}
            return plain(None, connection_factory, cursor_factory, **led(named, "dbname"))

        psycopg2.connect = connect
    if is_there("psycopg"):
        import psycopg
        from psycopg.conninfo import conninfo_to_dict

        for kind in (psycopg.Connection, psycopg.AsyncConnection):
            lead_psycopg(kind, kind.connect.__func__, conninfo_to_dict)
        psycopg.connect = psycopg.Connection.connect
    if is_there("asyncpg"):
        import asyncpg

        plain_async = asyncpg.connect

        def connect_async(dsn=None, **named):
            return plain_async(**led(named, "database"))

        asyncpg.connect = asyncpg.connection.connect = connect_async
    if is_there("pg8000"):
        import inspect

        from pg8000.core import CoreConnection

        begin = CoreConnection.__init__
        shape = inspect.signature(begin)

        def begin_led(self, *arguments, **named):
            given = dict(shape.bind(self, *arguments, **named).arguments)
            given.pop("self")
            begin(self, **led(given, "database"))

        CoreConnection.__init__ = begin_led


def lead_psycopg(kind, plain, parse):
    def connect(cls, conninfo="", **named):
        options = {name: named.pop(name) for name in PSYCOPG if name in named}
        named = {**(parse(conninfo) if conninfo else {}), **named}
        return plain(cls, "", **options, **led(named, "dbname"))

    kind.connect = classmethod(connect)


# What psycopg takes beside the parts of an address.
PSYCOPG = ["autocommit", "prepare_threshold", "context", "row_factory", "cursor_factory"]
LED_DRIVERS = ["psycopg2", "psycopg", "psycopg_async", "asyncpg", "pg8000"]


def led(named, database):
    """An address that leads to the door, with what was said beside it."""
    door = State.door
    if door is None:
        raise Problem("a connection is opened while no migration runs")
    kept = {name: value for name, value in named.items() if name not in ELSEWHERE}
    for name in ("dsn", "conninfo", "dbname", "database"):
        kept.pop(name, None)
    kept.update(host=door["host"], port=door["port"], user=door["user"], password=door["word"])
    kept[database] = door["database"]
    return kept


def redirect(dialect, record, arguments, parameters):
    """Every connection to PostgreSQL leads to the session that is lent."""
    if dialect.name != "postgresql":
        return None
    name = "dbname" if "dbname" in parameters else "database"
    made = dialect.connect(**led(parameters, name))
    State.led[id(made)] = made
    return made


ENGINES = weakref.WeakSet()


def remember(connection, *_branch):
    ENGINES.add(connection.engine)


def note(connection, cursor, statement, parameters, context, executemany):
    """Tells where in its file a migration is about to send a statement."""
    dialect = connection.dialect
    is_led = dialect.driver in LED_DRIVERS or id(raw(connection)) in State.led
    if dialect.name == "postgresql" and not is_led:
        raise Problem(
            f"an engine here connects by itself with {dialect.driver} (creator=..): nobody can lead that into "
            "another database, so nothing is sent by it; make its engine of a URL where the migrations run"
        )
    revision = State.revision
    if revision is None:
        return
    line = line_in(revision, sys._getframe(1))
    if line is None:
        return
    answer({"event": "statement", "line": line, "sql": spelled(cursor, statement, parameters, executemany)})


def raw(connection):
    """The driver's own connection."""
    pooled = connection.connection
    return getattr(pooled, "dbapi_connection", None) or pooled.connection


def spelled(cursor, statement, parameters, executemany):
    """The statement with its values, where the driver can tell how it would send it."""
    try:
        if parameters and not executemany and hasattr(cursor, "mogrify"):
            text = cursor.mogrify(statement, parameters)
            return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        if not parameters and getattr(cursor, "mogrify", None):
            # A percent sign is doubled where no values are given, too.
            return statement.replace("%%", "%")
    except Exception:
        pass
    return statement


def line_in(path, frame):
    while frame is not None:
        if frame.f_code.co_filename == path:
            return frame.f_lineno
        frame = frame.f_back
    return None


def url_for(config, env):
    """A URL of the given address, for the driver that the environment asks for."""
    from sqlalchemy.engine import make_url

    door = State.door
    name = None
    for text in (config.get_main_option("sqlalchemy.url"), os.environ.get("DATABASE_URL")):
        try:
            known = make_url(text).drivername if text else ""
        except Exception:
            continue
        if known.split("+")[0] in ("postgresql", "postgres") and "+" in known:
            name = known
            break
    if name is None:
        wants = ASYNC_DRIVERS if "async_engine" in env else SYNC_DRIVERS
        name = next((f"postgresql+{it}" for it in wants if is_there(it)), None)
        if name is None:
            raise Problem("no driver for PostgreSQL is installed: one of " + ", ".join(wants))
    return f"{name}://{door['user']}:{door['word']}@{door['host']}:{door['port']}/{door['database']}"


def is_there(module):
    from importlib.util import find_spec

    return find_spec(module) is not None


# -- steps -------------------------------------------------------------------------------------------


def take(door):
    """Takes the address at which the session is lent, and says it where an env.py may look."""
    State.door = door
    with open(os.path.join(State.scripts.dir, "env.py"), encoding="utf-8", errors="replace") as file:
        url = url_for(State.config, file.read())
    State.config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    # One that is set is kept: wherever it leads, the connection does not go there.
    os.environ.setdefault("DATABASE_URL", url)


def step(request):
    """Runs one revision in one direction, in the session that is lent."""
    State.entered, State.path = False, None
    take(request["door"])
    scripts = State.scripts
    script = scripts.get_revision(request["revision"])
    forward = request["direction"] == "upgrade"
    ran = []

    def steps(heads, context):
        if ran:
            State.entered = False
            raise Problem("its env.py runs each revision on several databases, and only one is known here")
        ran.append(context)
        one = make_step(scripts, script, forward)
        run = one.migration_fn

        def watched(**arguments):
            State.revision = State.path = script.path
            State.entered = True
            try:
                return run(**arguments)
            finally:
                State.revision = None

        one.migration_fn = watched
        return [one]

    target = script.revision if forward else (several(script.down_revision) or ["base"])[0]
    with environment(State.config, scripts, fn=steps, destination_rev=target):
        try:
            run_env(scripts)
        finally:
            let_go()
            State.door = None
            State.led.clear()
    if not ran:
        raise Problem("its env.py did not run the migration: it must call context.run_migrations()")
    return {}


def environment(config, scripts, **options):
    """A context in which an env.py is run, which looks at what that configures."""
    from alembic.runtime.environment import EnvironmentContext

    made = EnvironmentContext(config, scripts, **options)
    configure = made.configure

    def watched(*arguments, **named):
        State.configured = (named.get("version_table_schema"), named.get("version_table"))
        if options.get("destination_rev"):
            check_table(*State.configured)
        return configure(*arguments, **named)

    made.configure = watched
    return made


def check_table(schema, name):
    """Whether what an env.py says of its version table is what is known of it."""
    known_schema, known_name = State.table
    if (name or "alembic_version") != known_name or (schema or "public") != (known_schema or "public"):
        place = f"{schema + '.' if schema else ''}{name or 'alembic_version'}"
        known = f"{known_schema + '.' if known_schema else ''}{known_name}"
        raise Problem(f"its env.py keeps versions in {place}, and not in {known}: {SAY_TABLE}")


def compare(request):
    """What would bring the schema of the database that is lent to the models, as lines of Python."""
    from alembic.autogenerate import produce_migrations, render_python_code

    State.entered, State.path = False, None
    take(request["door"])
    lines = []
    compared = []

    def look(heads, context):
        metadata = context.opts.get("target_metadata")
        if metadata is None:
            return []
        found = [produce_migrations(context, metadata)]
        edit = context.opts.get("process_revision_directives")
        if edit:
            edit(context, tuple(heads), found)
        compared.append(metadata)
        for script in found:
            for operations in script.upgrade_ops_list:
                if not operations.is_empty():
                    text = render_python_code(operations)
                    own = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
                    lines.extend(own)
        return []

    with environment(State.config, State.scripts, fn=look, destination_rev="heads"):
        try:
            run_env(State.scripts)
        finally:
            let_go()
            State.door = None
            State.led.clear()
    return {"differences": lines if compared else None}


def render(request):
    """What Alembic's offline mode prints for one revision in one direction."""
    scripts, config = State.scripts, State.config
    script = scripts.get_revision(request["revision"])
    forward = request["direction"] == "upgrade"
    printed_sql = io.StringIO()
    config.output_buffer = printed_sql
    State.entered, State.path = False, None
    try:
        with environment(
            config,
            scripts,
            fn=lambda heads, context: [make_step(scripts, script, forward)],
            as_sql=True,
            starting_rev=tuple(request["heads"]) or None,
            destination_rev=script.revision if forward else "base",
            output_buffer=printed_sql,
        ):
            run_env(scripts)
    finally:
        config.output_buffer = None
    return {"sql": printed_sql.getvalue()}


def make_step(scripts, script, forward):
    from alembic.runtime.migration import MigrationStep

    make = MigrationStep.upgrade_from_script if forward else MigrationStep.downgrade_from_script
    return make(scripts.revision_map, script)


def run_env(scripts):
    """Runs the env.py, in a thread of AnyIO's or the context of a Flask application if it asks for one."""
    if State.app is not None:
        with State.app.app_context():
            return scripts.run_env()
    if not State.in_worker:
        try:
            return scripts.run_env()
        except RuntimeError as error:
            if not State.entered and "application context" in str(error):
                State.app = flask_app()
                return run_env(scripts)
            if State.entered or "AnyIO worker thread" not in str(error):
                raise
            State.in_worker = True
    import anyio

    async def work():
        await anyio.to_thread.run_sync(scripts.run_env)

    return anyio.run(work)


def flask_app():
    """The application that `flask` itself would load."""
    try:
        from flask.cli import ScriptInfo, load_dotenv

        load_dotenv()
        return ScriptInfo(app_import_path=os.environ.get("FLASK_APP")).load_app()
    except Exception as error:
        raise Problem(f"its env.py needs a Flask application, which can't be loaded: {error}\nname it with FLASK_APP")


def let_go():
    """Closes what pools hold: the session is ours again when the step is over."""
    for engine in list(ENGINES):
        # A connection of an asynchronous driver can't be closed out of its loop.
        engine.dispose(close=not engine.dialect.is_async)
    ENGINES.clear()


REQUESTS = {"open": open_environment, "step": step, "render": render, "compare": compare}


def serve(request):
    try:
        result = REQUESTS[request["op"]](request)
        answer({"ok": result, "output": printed()})
    except BaseException as error:  # SystemExit, too: an env.py may call sys.exit
        answer({"error": told(error), "output": printed()})


def is_own(file):
    inner = ("/site-packages/alembic/", "/site-packages/sqlalchemy/")
    return not file.startswith("<") and not any(it in file for it in inner)


def told(error):
    name = type(error).__name__
    if isinstance(error, Problem):
        return {"message": str(error), "type": None, "traceback": None, "entered": State.entered}
    # The driver's own words are enough: SQLAlchemy adds the statement and a link.
    original = getattr(error, "orig", None)
    message = str(original or error).strip() or name
    frames = traceback.extract_tb(error.__traceback__)
    # What led to a revision is the same for each of them.
    begins = [at for at, frame in enumerate(frames) if frame.filename == State.path]
    frames = frames[begins[0]:] if begins else frames
    frames = [frame for frame in frames if is_own(frame.filename)] or frames[-1:]
    text = "".join(traceback.format_list(frames) + traceback.format_exception_only(type(error), error))
    return {"message": message, "type": name, "traceback": text, "entered": State.entered}


def main():
    import queue

    requests = queue.Queue()

    def read():
        for line in ASKED:
            requests.put(line)
        # Whoever asked is gone: nothing that still runs is wanted.
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        serve(json.loads(requests.get()))


main()
