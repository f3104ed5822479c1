# The first process of a container of ours: PostgreSQL beside a watch over its owner. The owner
# holds an advisory lock for as long as it lives; whoever gets that lock after it knows that the
# owner is gone. When this ends, the container and all in it end, and the engine removes it.
#
#   stairway CLASS KEY PATIENCE postgres ARGUMENT..
#
# A container that all processes of a test run share has no such owner: CLASS is then `folder`, and
# KEY a file of the host that goes with the run.
class=$1 key=$2 patience=$3
shift 3
trap 'exit 0' TERM INT
ended=/tmp/stairway-ended
{
    docker-entrypoint.sh "$@"
    echo "$?" >"$ended"
} &
if [ "$class" = folder ]; then
    while [ -e "$key" ] && [ ! -e "$ended" ]; do sleep 0.2; done
    exit 0
fi
PGPASSWORD=$POSTGRES_PASSWORD PGCONNECT_TIMEOUT=5 PGAPPNAME='stairway watch'
export PGPASSWORD PGCONNECT_TIMEOUT PGAPPNAME
# Over TCP: the server that only initialises does not listen there.
ask() { psql -XAtqw -h 127.0.0.1 -U postgres -d postgres -c "$1" 2>/dev/null; }
owner="SELECT CASE
    WHEN EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND classid = $class AND objid = $key) THEN 'here'
    WHEN EXISTS (SELECT FROM pg_shdescription WHERE description = 'stairway $key') THEN 'was here'
    ELSE 'awaited' END"
starting=0 alone=0
while [ ! -e "$ended" ]; do
    case $(ask "$owner") in
        here)
            # Returns when the owner's session ends; fails when the server restarts its sessions.
            ask "SELECT pg_advisory_lock($class, $key)" >/dev/null && exit 0
            alone=0
            ;;
        # After a crash it comes back in less than five seconds; for the first time in fifteen.
        'was here') alone=$((alone + 3)) ;;
        awaited) alone=$((alone + 1)) ;;
        *) starting=$((starting + 1)) ;;
    esac
    [ "$alone" -lt 75 ] && [ "$starting" -lt $((patience * 5)) ] || exit 1
    sleep 0.2
done
exit 1
