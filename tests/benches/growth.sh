#!/usr/bin/env bash
# How `run` grows with the rows, beside the bare loop on the same crates: nginx on loopback says
# "deleted" to everything, no quota holds it back, and files of 1,000 rows and ten times as many each
# time are run, each program in turn, ledger on disk. Prints Markdown: time and memory for each row;
# and leaves what it measured in growth.tsv, which the chart of `reading` is drawn from too.
#
#   GROWTH_ROWS   rows of the largest file (1000000). With 10000000 it takes some ten minutes and
#                 6 GB for the ledger.
#   GROWTH_RUNS   runs of each size, of which the median counts (3; one from a million rows on)
#   BENCH_DIR     where the files and the ledgers lie (target/bench): a real disk
#   USERPURGE, BARE   the two programs of this repository, if they are built already
set -euo pipefail
cd "$(dirname "$0")/../.."

most=${GROWTH_ROWS:-1000000}
runs=${GROWTH_RUNS:-3}
mkdir -p "${BENCH_DIR:-target/bench}"
kept=$(realpath "${BENCH_DIR:-target/bench}")/growth.tsv
dir=$(realpath "$(mktemp -d "${BENCH_DIR:-target/bench}/growth.XXXXXX")")
nginx_pid=
trap '[ -z "$nginx_pid" ] || kill "$nginx_pid" 2>/dev/null || true; rm -rf "$dir"' EXIT

. tests/benches/programs.sh
. tests/benches/nginx.sh
serve
configure 64

# What "$@" takes: "microseconds kilobytes bytes-of-what-it-wrote", the last to $dir/out.
one() {
  rm -f "$dir/out"
  local begun ended
  begun=$(date +%s%N)
  timeout 1800 /usr/bin/time -f %M -o "$dir/memory" "$@" > "$dir/words" 2>&1 || {
    tail -n 5 "$dir/words" >&2; exit 1
  }
  ended=$(date +%s%N)
  echo "$(((ended - begun) / 1000)) $(tail -1 "$dir/memory") $(stat -c %s "$dir/out")"
}
run() {
  one "$USERPURGE" run "$dir/users.csv" --config "$dir/userpurge.toml" --ledger "$dir/out" --yes --progress none
}
bare() { one "$BARE" "$dir/users.csv" "$url" 64 "$dir/out"; }

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
thousands() { sed -E ':a; s/([0-9])([0-9]{3})($|,)/\1,\2\3/; ta'; }

: > "$kept"
echo "| rows | \`run\`, for each row | rows/s | beside the bare loop | memory | memory for each row | the bare loop's | ledger for each row |"
echo "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
for ((rows = 1000; rows <= most; rows *= 10)); do
  csv "$rows" > "$dir/users.csv"
  rm -f "$dir"/took.*
  for _ in $(seq $((rows < 1000000 ? runs : 1))); do
    for who in run bare; do "$who" >> "$dir/took.$who"; done
  done
  line=$rows
  for who in run bare; do
    micros=$(cut -d' ' -f1 "$dir/took.$who" | median)
    kilobytes=$(cut -d' ' -f2 "$dir/took.$who" | median)
    printf '%s\t%s\t%s\t%s\n' "$who" "$rows" "$micros" $((kilobytes * 1024)) >> "$kept"
    line+=" $micros $kilobytes"
  done
  bytes=$(cut -d' ' -f3 "$dir/took.run" | median)
  awk -v shown="$(thousands <<< "$rows")" -v ledger="$bytes" '
    function each(kb, n,   b) { b = kb * 1024 / n; return b >= 1000 ? sprintf("%.0f kB", b / 1000) : sprintf("%.0f B", b) }
    { printf "| %s | %.1f µs | %.0f | %.2f × | %.0f MB | %s | %s | %.0f B |\n",
        shown, $2 / $1, $1 / $2 * 1e6, $4 / $2, $3 * 1024 / 1e6, each($3, $1), each($5, $1), ledger / $1 }' <<< "$line"
done
[ "$most" -ge 10000000 ] || echo "It stops at $(thousands <<< "$most") rows: \`GROWTH_ROWS=10000000\` goes on."
