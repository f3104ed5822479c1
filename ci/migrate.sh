#!/usr/bin/env bash
# For deployment scripts that call `migrate.sh upgrade|downgrade|current|history|validate`: the same
# words and options, before or after the verb. STAIRWAY names the program if it is not in PATH.
set -euo pipefail
exec "${STAIRWAY:-stairway}" "$@"
