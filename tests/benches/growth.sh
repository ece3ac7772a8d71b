#!/usr/bin/env bash
# How `run` grows with the rows: nginx on loopback says "deleted" to everything, no quota holds it
# back, and files of 1,000 rows and ten times as many each time are run, ledger on disk. Prints
# Markdown: time and memory for each row. Needs nginx.
#
#   GROWTH_ROWS   rows of the largest file (1000000). With 10000000 it takes some ten minutes and
#                 6 GB for the ledger.
#   GROWTH_RUNS   runs of each size, of which the median counts (3; one from a million rows on)
#   BENCH_DIR     where the files and the ledgers lie (target/bench): a real disk
#   USERPURGE     the program, if it is built already
set -euo pipefail
cd "$(dirname "$0")/../.."

most=${GROWTH_ROWS:-1000000}
runs=${GROWTH_RUNS:-3}
mkdir -p "${BENCH_DIR:-target/bench}"
dir=$(realpath "$(mktemp -d "${BENCH_DIR:-target/bench}/growth.XXXXXX")")
nginx_pid=
trap '[ -z "$nginx_pid" ] || kill "$nginx_pid" 2>/dev/null || true; rm -rf "$dir"' EXIT

if [ -z "${USERPURGE:-}" ]; then
  cargo build --release --locked --quiet
  USERPURGE=target/release/userpurge
fi
USERPURGE=$(realpath "$USERPURGE")

. tests/benches/nginx.sh
serve
configure 64

# One run over $1 rows: "seconds kilobytes bytes-of-ledger".
one() {
  rm -f "$dir/ledger.jsonl"
  local begun ended
  begun=$(date +%s%N)
  timeout 1800 /usr/bin/time -f %M -o "$dir/memory" "$USERPURGE" run "$dir/users.csv" \
    --config "$dir/userpurge.toml" --ledger "$dir/ledger.jsonl" --yes --progress none > "$dir/words" 2>&1 || {
    tail -n 5 "$dir/words" >&2; exit 1
  }
  ended=$(date +%s%N)
  echo "$(((ended - begun) / 1000)) $(tail -1 "$dir/memory") $(stat -c %s "$dir/ledger.jsonl")"
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
thousands() { sed -E ':a; s/([0-9])([0-9]{3})($|,)/\1,\2\3/; ta'; }

echo "| rows | \`run\`, for each row | rows/s | memory | memory for each row | ledger for each row |"
echo "| ---: | ---: | ---: | ---: | ---: | ---: |"
for ((rows = 1000; rows <= most; rows *= 10)); do
  { echo "id,account,action"; awk -v n="$rows" 'BEGIN { for (i = 0; i < n; i++) printf "5fa1c0d619a30a2e%08x,bench,delete\n", i }'; } > "$dir/users.csv"
  : > "$dir/took"
  for _ in $(seq $((rows < 1000000 ? runs : 1))); do one >> "$dir/took"; done
  micros=$(cut -d' ' -f1 "$dir/took" | median)
  kilobytes=$(cut -d' ' -f2 "$dir/took" | median)
  bytes=$(cut -d' ' -f3 "$dir/took" | median)
  awk -v n="$rows" -v us="$micros" -v kb="$kilobytes" -v b="$bytes" -v shown="$(thousands <<< "$rows")" 'BEGIN {
    each = kb * 1024 / n
    memory = each >= 1000 ? sprintf("%.0f kB", each / 1000) : sprintf("%.0f B", each)
    printf "| %s | %.1f µs | %.0f | %.0f MB | %s | %.0f B |\n", shown, us / n, n / us * 1e6, kb * 1024 / 1e6, memory, b / n
  }'
done
[ "$most" -ge 10000000 ] || echo "It stops at $(thousands <<< "$most") rows: \`GROWTH_ROWS=10000000\` goes on."
