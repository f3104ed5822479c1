#!/usr/bin/env bash
# Deploys an application whose database is moved by Stairway: the database first, then the new version.
#
#   RELEASE='./release.sh' PAGE='./page.sh' deploy.sh VERSION
#
# Change: nothing, or `release` and `page` below.
# Wants: RELEASE, a shell command that starts the version in $VERSION; PAGE, one that calls a person and reads why
# from its stdin; and where the database is, as `stairway upgrade` takes it: DATABASE_URL, or .env.production in
# DEPLOYMENT_DIR (the current folder without it), where backups, journals and logs are kept. STAIRWAY names the
# program if it is not on PATH.
#
# Ends with the exit code of `stairway upgrade` where the old version stays, with 50 where the database was
# upgraded and the new version could not be started, else with 0.
set -euo pipefail

readonly RELEASE_FAILED=50

say() { printf 'deploy: %s\n' "$*" >&2; }
# What it leaves running must not hold the lock below.
release() { VERSION=$version sh -c "$RELEASE" 9>&-; }
page() {
    say "$*"
    sh -c "$PAGE" 9>&- <<<"$*" || say "nobody could be called: call somebody yourself"
}
# The database is as it was, so the version that runs fits it.
keep_old() {
    say "$1; the database is as it was, and the old version stays"
    exit "$code"
}

[ $# -eq 1 ] || { say "usage: deploy.sh VERSION"; exit 2; }
version=$1
: "${RELEASE:?name the command that starts a version}" "${PAGE:?name the command that calls a person}"

# One deployment at a time: its release as well, not only its upgrade, which has a lock of its own.
exec 9>>"${DEPLOYMENT_DIR:=.}/.deploy.lock"
flock --nonblock 9 || { say "another deployment is under way"; exit 11; }

# A signal ends the run when it is known what the database is, and nothing is released then.
"${STAIRWAY:-stairway}" upgrade 9>&- &
run=$!
trap 'kill -TERM "$run" 2>/dev/null || true' INT TERM HUP
code=0
wait "$run" || code=$?
while kill -0 "$run" 2>/dev/null; do
    code=0
    wait "$run" || code=$?
done
trap - INT TERM HUP

case $code in
    # AFTER: it is upgraded and validated.
    0) ;;
    40) say "the database is upgraded; the report or an alert could not be delivered" ;;
    # BEFORE: nothing was done, or all of it was taken back.
    2) keep_old "wrong usage or configuration" ;;
    3) keep_old "no server could be had for the copy" ;;
    10) keep_old "refused before anything was done" ;;
    11) keep_old "another runner has the lock" ;;
    12) keep_old "the backup failed" ;;
    13) keep_old "the rehearsal on a copy failed" ;;
    14 | 15) keep_old "the gate did not let it through" ;;
    20) keep_old "a migration failed" ;;
    21) keep_old "a migration failed, and was taken back by its downgrade" ;;
    22) keep_old "a migration failed, and the backup was restored" ;;
    # Neither: no version is started or stopped until a person has looked.
    30) page "$version: nobody knows what the database is, or the way back failed; its backup is pinned" && exit "$code" ;;
    31) page "$version: the way back would lose data, or the standbys have not confirmed" && exit "$code" ;;
    130 | 143) say "interrupted: the report says what the database is; nothing is released" && exit "$code" ;;
    *) page "$version: stairway ended with exit code $code, which this script does not know" && exit "$code" ;;
esac

if ! release; then
    page "$version could not be started; the database is upgraded. The old version runs on the new schema: start the \
new one by hand, or go back with \`stairway downgrade\`"
    exit "$RELEASE_FAILED"
fi
say "$version is released"
