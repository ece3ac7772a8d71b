#!/usr/bin/env bash
# The wire: how many rows a second userpurge gets through when no quota holds it back, beside what
# people would use instead. nginx on loopback says "deleted" to everything; each program in turn
# takes the same file; a round is one run of each, so that whatever else the machine does meets all
# alike. Prints Markdown. Needs nginx; a rival that is not installed is left out and named.
#
#   BENCH_ROWS          rows of the file (20000)
#   BENCH_RUNS          rounds (5)
#   BENCH_IN_FLIGHT     requests under way, for all alike (64)
#   BENCH_FORK_ROWS     rows for the rival that starts a process for each (400)
#   BENCH_ONLY          the programs to run, by the names of the functions below (all)
#   BENCH_COUNTED_ROWS  rows for counting instructions under callgrind, twice (4000; 0: not counted)
#   BENCH_DIR           where the file and the ledgers lie (target/bench): a real disk, or the
#                       ledger's syncs cost nothing
#   USERPURGE, BARE     the two programs of this repository, if they are built already
set -euo pipefail
cd "$(dirname "$0")/../.."

rows=${BENCH_ROWS:-20000}
runs=${BENCH_RUNS:-5}
in_flight=${BENCH_IN_FLIGHT:-64}
fork_rows=${BENCH_FORK_ROWS:-400}
counted_rows=${BENCH_COUNTED_ROWS:-4000}
mkdir -p "${BENCH_DIR:-target/bench}"
dir=$(mktemp -d "${BENCH_DIR:-target/bench}/wire.XXXXXX")
dir=$(realpath "$dir")
# No run takes longer than this, whatever happens.
bounded() { timeout 300 "$@"; }

nginx_pid=
trap '[ -z "$nginx_pid" ] || kill "$nginx_pid" 2>/dev/null || true; rm -rf "$dir"' EXIT

say() { echo "$*" >&2; }

# --- the programs of this repository ---------------------------------------------------------------

. tests/benches/programs.sh

# --- the server ------------------------------------------------------------------------------------

. tests/benches/nginx.sh
serve

# --- the file --------------------------------------------------------------------------------------

csv "$rows" > "$dir/users.csv"
ids "$rows" | awk -v url="$url" '{ printf "url = \"%s%s\"\noutput = \"/dev/null\"\n", url, $0 }' > "$dir/curl.config"
ids "$fork_rows" > "$dir/few"
configure "$in_flight"

# --- who runs: NAME_rows, and a function that leaves one line a row in $dir/out ---------------------

userpurge_on() {
  rm -f "$1"
  bounded "$USERPURGE" run "${2:-$dir/users.csv}" --config "$dir/userpurge.toml" --ledger "$1" --yes --progress none \
    > "$dir/words" 2>&1
}
userpurge() {
  userpurge_on "$dir/ledger.jsonl"
  # The exit code has said that every row ended well; the sync counts as long as the run does.
  grep -c '"kind":"outcome"' "$dir/ledger.jsonl" > "$dir/count"
}
userpurge_memory() {
  userpurge_on "/dev/shm/userpurge-bench-$$.jsonl"
  grep -c '"kind":"outcome"' "/dev/shm/userpurge-bench-$$.jsonl" > "$dir/count"
  rm -f "/dev/shm/userpurge-bench-$$.jsonl"
}
bare() { bounded "$BARE" "$dir/users.csv" "$url" "$in_flight" "$dir/out"; }
aiohttp() { bounded python3 tests/benches/aiohttp_rival.py "$dir/users.csv" "$url" "$in_flight" "$dir/out"; }
curl_parallel() {
  bounded curl --silent --no-progress-meter --parallel --parallel-immediate --parallel-max "$in_flight" --request DELETE \
    --user app_bench:secret --write-out '%{url},%{http_code}\n' --config "$dir/curl.config" > "$dir/out"
}
gnu_parallel() {
  bounded parallel --will-cite --jobs "$in_flight" curl --silent --request DELETE --user app_bench:secret \
    --output /dev/null --write-out "'{},%{http_code}\n'" "$url{}" :::: "$dir/few" > "$dir/out"
}

declare -A title=(
  [userpurge]="userpurge, durable ledger"
  [userpurge_memory]="the same, ledger in memory: no disk to wait for"
  [bare]="the bare loop on the same crates: no ledger, no limits, no retries"
  [curl_parallel]='`curl --parallel`, one process'
  [aiohttp]="Python, aiohttp"
  [gnu_parallel]="GNU parallel, a curl for each row"
)
rivals=(userpurge)
missing=()
want() { if eval "$2" > /dev/null 2>&1; then rivals+=("$1"); else missing+=("${title[$1]}"); fi; }
want userpurge_memory '[ -w /dev/shm ]'
want bare '[ -x "$BARE" ]'
want curl_parallel 'curl --help all | grep -q -- --parallel-immediate'
want aiohttp 'python3 -c "import aiohttp"'
want gnu_parallel 'command -v parallel && command -v curl'
if [ -n "${BENCH_ONLY:-}" ]; then read -ra rivals <<< "$BENCH_ONLY"; missing=(); fi

rows_of() { case $1 in gnu_parallel) echo "$fork_rows" ;; *) echo "$rows" ;; esac; }

# --- the rounds ------------------------------------------------------------------------------------

# One run of $1: "rows/s, CPU µs a row" to $dir/runs.$1; every row must have been answered with 200.
measure() {
  local name=$1 wanted times
  wanted=$(rows_of "$name")
  rm -f "$dir/out" "$dir/count"
  TIMEFORMAT='%R %U %S'
  { times=$( { time "$name" >&3 2>&4; } 2>&1 ); } 3>&1 4>&2 || {
    say "$name failed:"; tail -n 5 "$dir/words" >&2 2>/dev/null || true; exit 1
  }
  [ -e "$dir/count" ] || grep -c ',200' "$dir/out" > "$dir/count"
  if [ "$(cat "$dir/count")" != "$wanted" ]; then
    say "$name: only $(cat "$dir/count") of $wanted rows were answered"; exit 1
  fi
  awk -v n="$wanted" '{ printf "%.0f %.0f\n", n / $1, ($2 + $3) * 1e6 / n }' <<< "$times" >> "$dir/runs.$name"
}

for round in $(seq "$runs"); do
  for name in "${rivals[@]}"; do measure "$name"; done
  say "round $round of $runs: $(for name in "${rivals[@]}"; do echo -n "$name $(tail -1 "$dir/runs.$name" | cut -d' ' -f1)/s  "; done)"
done

# --- instructions ----------------------------------------------------------------------------------

collected() { bounded valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 | awk '/Collected/ { print $NF }'; }
counted() {
  case $1 in
    userpurge)
      rm -f "$dir/counted.jsonl"
      collected "$USERPURGE" run "$2" --config "$dir/userpurge.toml" --ledger "$dir/counted.jsonl" --yes --progress none ;;
    bare) collected "$BARE" "$2" "$url" "$in_flight" "$dir/out" ;;
  esac
}
# What $1 takes for a row: twice the rows less once, so that starting and ending cancel out.
instructions() {
  local once twice
  csv "$counted_rows" > "$dir/once.csv"; csv $((2 * counted_rows)) > "$dir/twice.csv"
  once=$(counted "$1" "$dir/once.csv"); twice=$(counted "$1" "$dir/twice.csv")
  echo $(((twice - once) / counted_rows))
}

declare -A instructions
if [ "$counted_rows" -gt 0 ] && command -v valgrind > /dev/null; then
  for name in userpurge bare; do
    [[ " ${rivals[*]} " == *" $name "* ]] || continue
    say "counting the instructions of $name"
    instructions[$name]=$(instructions "$name")
  done
fi

# --- the table -------------------------------------------------------------------------------------

median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
thousands() { sed -E ':a; s/([0-9])([0-9]{3})($|,)/\1,\2\3/; ta'; }

cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)
disk=$(df --output=fstype "$dir" | tail -1)
echo "$(nproc) × ${cpu:-unknown}, $(uname -sr), ledger on $disk, $(date -u +%Y-%m-%d)."
echo "$rows rows, $in_flight requests under way, $runs rounds, medians; nginx (one worker) on the same machine."
echo
echo "| program | rows/s | lowest to highest | userpurge is | CPU a row | instructions a row |"
echo "| --- | ---: | ---: | ---: | ---: | ---: |"
for name in "${rivals[@]}"; do
  rate=$(cut -d' ' -f1 "$dir/runs.$name" | median | thousands)
  spread=$(cut -d' ' -f1 "$dir/runs.$name" | sort -n | sed -n '1p;$p' | thousands | paste -sd' ' | sed 's/ / to /')
  cpu=$(cut -d' ' -f2 "$dir/runs.$name" | median)
  # The ratio is taken round by round, then its median: what slows a round slows both.
  ratio=$(paste -d' ' "$dir/runs.userpurge" "$dir/runs.$name" | awk '{ print $1 / $3 }' | median)
  count=${instructions[$name]:-}
  printf '| %s | %s | %s | %.2f × | %.0f µs | %s |\n' \
    "${title[$name]}" "$rate" "$spread" "$ratio" "$cpu" "$(thousands <<< "${count:-not counted}")"
done
echo
[ "${#missing[@]}" -eq 0 ] || { printf 'Not installed here: %s.\n' "$(IFS=';'; echo "${missing[*]}")"; }
[[ " ${rivals[*]} " != *" gnu_parallel "* ]] || echo "GNU parallel ran on $fork_rows rows, its rate does not depend on their number."
