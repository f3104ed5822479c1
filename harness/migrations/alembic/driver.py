"""Runs an Alembic environment for Stairway: one request a line on standard input, answers on standard output.

Knows Alembic and SQLAlchemy, by their public interfaces. Must not know what a step is for, and never
opens a connection to anything but the address that it was given: whatever an env.py reads and says,
its connections to PostgreSQL lead there.
"""

import ast
import io
import json
import os
import sys
import tempfile
import threading
import traceback
import weakref

ANSWERS = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
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
    "target_session_attrs", "hostaddr", "service", "passfile", "direct_tls", "unix_sock", "gssencmode",
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
    if request["script_location"]:
        config.set_main_option("script_location", request["script_location"].replace("%", "%%"))
    State.config = config
    State.scripts = ScriptDirectory.from_config(config)
    listen()
    if not State.scripts.get_heads():
        # Its env.py may say where revisions are.
        State.scripts = ScriptDirectory.from_config(config)
        ask_env(config, State.scripts)
    return {"alembic": alembic.__version__, "python": sys.version.split()[0], **history(State.scripts)}


def ask_env(config, scripts):
    """Runs the env.py without a connection and without any revision."""
    config.output_buffer = io.StringIO()
    try:
        with environment(config, scripts, fn=lambda heads, context: [], as_sql=True):
            scripts.run_env()
    finally:
        config.output_buffer = None


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
    with open(script.path, encoding="utf-8", newline="") as file:
        text = file.read()
    functions = functions_of(text)
    return {
        "revision": script.revision,
        "down": several(script.down_revision),
        "depends": list(script._resolved_dependencies),
        "labels": sorted(script.branch_labels),
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
    return "raises" if isinstance(rest[0], ast.Raise) else "something"


# -- connections -------------------------------------------------------------------------------------


def listen():
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    event.listen(Engine, "do_connect", redirect)
    event.listen(Engine, "engine_connect", remember)
    event.listen(Engine, "before_cursor_execute", note)


def redirect(dialect, record, arguments, parameters):
    """Every connection to PostgreSQL leads to the session that is lent."""
    if dialect.name != "postgresql":
        return None
    door = State.door
    if door is None:
        raise Problem("a connection is opened while no migration runs")
    arguments[:] = []
    for name in ELSEWHERE:
        parameters.pop(name, None)
    for name in ("dsn", "conninfo"):
        parameters.pop(name, None)
    parameters.update(host=door["host"], port=door["port"], user=door["user"], password=door["word"])
    return None


ENGINES = weakref.WeakSet()


def remember(connection):
    ENGINES.add(connection.engine)


def note(connection, cursor, statement, parameters, context, executemany):
    """Tells where in its file a migration is about to send a statement."""
    revision = State.revision
    if revision is None:
        return
    line = line_in(revision, sys._getframe(1))
    if line is None:
        return
    answer({"event": "statement", "line": line, "sql": spelled(cursor, statement, parameters, executemany)})


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
    if not ran:
        raise Problem("its env.py did not run the migration: it must call context.run_migrations()")
    return {}


def environment(config, scripts, **options):
    """A context in which an env.py is run, which looks at what that configures."""
    from alembic.runtime.environment import EnvironmentContext

    made = EnvironmentContext(config, scripts, **options)
    configure = made.configure

    def watched(*arguments, **named):
        table = named.get("version_table") or "alembic_version"
        schema = named.get("version_table_schema")
        if table != "alembic_version" or schema not in (None, "public"):
            raise Problem(
                f"its env.py keeps versions in {schema + '.' if schema else ''}{table}: "
                "only the table alembic_version without a schema of its own is known here yet"
            )
        return configure(*arguments, **named)

    made.configure = watched
    return made


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
    """Runs the env.py, in a thread of AnyIO's if it asks for one."""
    if not State.in_worker:
        try:
            return scripts.run_env()
        except RuntimeError as error:
            if State.entered or "AnyIO worker thread" not in str(error):
                raise
            State.in_worker = True
    import anyio

    async def work():
        await anyio.to_thread.run_sync(scripts.run_env)

    return anyio.run(work)


def let_go():
    """Closes what pools hold: the session is ours again when the step is over."""
    for engine in list(ENGINES):
        # A connection of an asynchronous driver can't be closed out of its loop.
        engine.dispose(close=not engine.dialect.is_async)
    ENGINES.clear()


REQUESTS = {"open": open_environment, "step": step, "render": render}


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
        for line in sys.stdin:
            requests.put(line)
        # Whoever asked is gone: nothing that still runs is wanted.
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        serve(json.loads(requests.get()))


main()
