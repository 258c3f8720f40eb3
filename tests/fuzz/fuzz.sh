#!/bin/sh
# fuzz.sh FORMAT SECONDS [SEED]: tries a reader on inputs that libFuzzer makes of those in corpus/ and faults/, and keeps
# what reaches new code in build/fuzz/found/FORMAT. A seed makes the same inputs again; without one, or by 0, every start
# makes others. A fault ends it with status 1; its input is build/fuzz/faults/FORMAT-*.
set -eu
format=$1
seconds=$2
seed=${3:-0}
cd "$(dirname "$0")/../.."
found=build/fuzz/found/$format
log=build/fuzz/$format.log
mkdir -p "$found" build/fuzz/faults
seeds=
for folder in "tests/fuzz/corpus/$format" "tests/fuzz/faults/$format" "build/fuzz/seeds/$format"; do
  [ ! -d "$folder" ] || seeds="$seeds $folder"
done
# An input is read as a file: in memory where that can be.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
export LODESTONE_FUZZ_FORMAT="$format" LODESTONE_THREADS=1
# A reader takes less than a second, and a few times the size of its file (gzip packs up to 1032 bytes into one). A
# minute is for a processor that others use too.
# shellcheck disable=SC2086  # a list of folders
if build/fuzz/tests/fuzz/lodestone_fuzz -max_total_time="$seconds" -seed="$seed" -timeout=60 -report_slow_units=60 \
  -rss_limit_mb=1024 -malloc_limit_mb=256 -max_len=16384 -artifact_prefix="build/fuzz/faults/$format-" -print_final_stats=1 \
  "$found" $seeds >"$log" 2>&1; then
  awk -v format="$format" '
    /number_of_executed_units/ { runs = $2 }
    / cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:") cover = $(i + 1); if ($i == "corp:") kept = $(i + 1) } }
    END { printf "%-12s %9d inputs, %5d points of the code reached by %s\n", format, runs, cover, kept }' "$log"
else
  tail -n 60 "$log"
  echo "failed: $format (all of its output: $log)"
  exit 1
fi
