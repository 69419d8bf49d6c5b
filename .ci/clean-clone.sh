#!/usr/bin/env bash
# Runs a command (by default .ci/run) in a fresh clone of the last commit, in a temporary folder that is removed
# afterwards: finds what works only because of files that are here but not committed.
#   .ci/clean-clone.sh                     everything that CI does
#   .ci/clean-clone.sh npm start -- --once
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
clone=$(mktemp -d "${TMPDIR:-/tmp}/granary-clone.XXXXXX")
trap 'rm -rf "$clone"' EXIT
git clone --quiet --no-hardlinks "$root" "$clone"
cd "$clone"
if [ $# -eq 0 ]; then set -- .ci/run; fi
"$@"
