# Runs beside a server and outlives its owner by a moment: reads a pipe that the owner holds open
# and, when that ends, ends the server and removes its folders. Also run by whoever finds the
# folder of a dead owner.
#
#   watch  HOME MEMORY DATA PROGRAM ARGUMENT..   wait for a line, start the server, wait for the
#                                                owner, clean
#   lend   HOME MEMORY DATA RUNNER PROGRAM ARGUMENT..   the same, but wait for the process RUNNER
#   clean  HOME MEMORY DATA                      only clean
#   serve  HOME CREATE DESTROY                   run CREATE, wait for the owner, run DESTROY, clean
#   mind   HOME RUNNER                           wait for a line and the process RUNNER, clean
#   settle HOME DESTROY                          run DESTROY unless that was done, clean
#   guard  HOME                                  wait for the owner, clean
#
# A file HOME/keep says that the server is to stay when its owner has gone.
# HOME is the server's folder, MEMORY its folder in memory or empty, DATA its data directory.
# Only folders with our marker in them are removed; only a process that works in DATA is killed.
set -u
trap '' HUP INT TERM

# Whether the process with this number works in the data directory.
works_here() {
    [ -n "$1" ] || return 1
    if [ -d /proc/self ]; then
        case "$(readlink "/proc/$1/cwd" 2>/dev/null)" in
            "$data" | "$data (deleted)") return 0 ;;
        esac
        return 1
    fi
    case "$(ps -o command= -p "$1" 2>/dev/null)" in
        *" -D $data "*) return 0 ;;
    esac
    return 1
}

# The number of the server process, if there is one.
server_process() {
    for file in "$home/postmaster" "$data/postmaster.pid"; do
        number=
        [ -r "$file" ] && read -r number <"$file"
        if works_here "$number"; then
            echo "$number"
            return
        fi
    done
}

# Killed without a chance to clean up, a server leaves shared memory behind.
kill_hard() {
    segments=$(sed -n 's,.*\(/dev/shm/PostgreSQL\.[0-9]*\).*,\1,p' "/proc/$1/maps" 2>/dev/null | sort -u)
    interlock=$(sed -n '7s/.* //p' "$data/postmaster.pid" 2>/dev/null)
    kill -KILL "$1"
    while works_here "$1"; do pause; done
    [ -z "$segments" ] || rm -f $segments
    [ -z "$interlock" ] || ipcrm -m "$interlock" 2>/dev/null
}

pause() { sleep 0.02 2>/dev/null || sleep 1; }

# The data is thrown away, so the server need not write it: QUIT, not a checkpoint.
end_server() {
    tick=0
    while number=$(server_process) && [ -n "$number" ]; do
        if [ "$tick" -gt 300 ]; then kill_hard "$number"; else kill -QUIT "$number"; fi
        tick=$((tick + 1))
        pause
    done 2>/dev/null
}

# The bulk goes first and the marker last, so that half a folder is still known as ours.
remove() {
    if [ -n "$1" ] && [ -f "$1/.stairway" ]; then
        rm -rf "$1"/* "$1"/.s.* && rm -rf "$1"
        rmdir "$(dirname "$1")"
    fi 2>/dev/null
}

wait_for_runner() {
    while is_process "$1" && [ ! -e "$home/exit" ]; do sleep 0.2 2>/dev/null || sleep 1; done
}

# Whoever it belongs to: a signal may not be sent to everybody.
is_process() {
    if [ -d /proc/self ]; then [ -d "/proc/$1" ]; else ps -p "$1" >/dev/null 2>&1; fi
}

wait_for_owner() { while read -r _ <&3; do :; done; }

destroy() {
    url=$(grep -v '^[[:space:]]*$' "$home/created" 2>/dev/null | tail -n 1)
    if [ -n "$url" ] && [ -n "$1" ] && [ ! -e "$home/destroyed" ]; then
        # Into a file: the pipe to a dead owner would kill it half-way.
        (cd / && STAIRWAY_SERVER_URL=$url exec sh -c "$1") >/dev/null 2>"$home/complaints" 3<&-
        status=$?
        : >"$home/destroyed"
        tail -n 20 "$home/complaints" >&2
        return "$status"
    fi
}

mode=$1 home=$2
shift 2
exec 3<&0 </dev/null
case $mode in
    watch | lend)
        memory=$1 data=$2
        shift 2
        runner=
        if [ "$mode" = lend ]; then
            runner=$1
            shift
        fi
        # The owner says when the data directory is ready; until then there is only to clean.
        if ! read -r _ <&3; then
            remove "$memory"
            remove "$home"
            exit
        fi
        {
            sh -c 'cd "$1" && echo "$$" >"$0/postmaster" && shift && exec "$@"' "$home" "$data" "$@"
            echo "$?" >"$home/exit"
        } >>"$home/log" 2>&1 3<&- &
        if [ "$mode" = lend ]; then wait_for_runner "$runner"; else wait_for_owner; fi
        # A server that is being started has not said yet which process it is; without a folder
        # somebody else cleaned already.
        until [ -s "$home/postmaster" ] || [ -e "$home/exit" ] || [ ! -d "$home" ]; do pause; done
        [ ! -e "$home/keep" ] || exit
        end_server
        wait
        remove "$memory"
        remove "$home"
        ;;
    clean)
        memory=$1 data=$2
        end_server
        remove "$memory"
        remove "$home"
        ;;
    serve)
        (cd / && exec sh -c "$1") >"$home/printed" 2>"$home/complaints" 3<&-
        status=$?
        [ "$status" -ne 0 ] || mv "$home/printed" "$home/created"
        echo "$status" >"$home/exit"
        wait_for_owner
        destroy "$2"
        status=$?
        remove "$home"
        exit "$status"
        ;;
    guard)
        wait_for_owner
        remove "$home"
        ;;
    mind)
        # Until the owner says that others may come, it goes with the owner.
        if read -r _ <&3; then wait_for_runner "$1"; fi
        [ -e "$home/keep" ] || remove "$home"
        ;;
    settle)
        destroy "$1"
        remove "$home"
        ;;
esac
