#!/usr/bin/env bash
# The makespan: how long a mixed file of all three providers takes beside the least that their quotas
# allow, with its rows sorted, reversed and shuffled. The sandbox keeps rolling windows of seconds in
# place of minutes, and its own log tells how many requests it refused. Prints Markdown. Needs curl.
#
#   MAKESPAN_SPANS      how many spans the quotas take (4)
#   MAKESPAN_SPAN_SECS  how long each is (15): long beside an answer and the program's start, as a minute is
#   MAKESPAN_ORDERS     which orders are run (sorted reversed shuffled)
#   USERPURGE           the program, if it is built already
set -euo pipefail
cd "$(dirname "$0")/../.."

spans=${MAKESPAN_SPANS:-4}
orders=${MAKESPAN_ORDERS:-sorted reversed shuffled}
span_secs=${MAKESPAN_SPAN_SECS:-15}
# The sandbox's jobs, of 13 seconds, are made shorter with its spans.
scale=4 sandbox_secs=$((4 * span_secs))
# Requests per span: of Zendesk's account, of its permanent deletions, of the two others.
zendesk=900 permanent=300 sunco=400 zoho=100
# Zoho takes so many requests at once.
at_once=5

say() { echo "$*" >&2; }
# No run takes longer than this, whatever happens.
bounded() { timeout 300 "$@"; }

mkdir -p "${BENCH_DIR:-target/bench}"
dir=$(realpath "$(mktemp -d "${BENCH_DIR:-target/bench}/makespan.XXXXXX")")
sandbox_pid=
trap '[ -z "$sandbox_pid" ] || kill "$sandbox_pid" 2>/dev/null || true; rm -rf "$dir"' EXIT

if [ -z "${USERPURGE:-}" ]; then
  cargo build --release --locked --quiet
  USERPURGE=target/release/userpurge
fi
USERPURGE=$(realpath "$USERPURGE")

# --- the sandbox -----------------------------------------------------------------------------------

timeout 1800 "$USERPURGE" sandbox --listen 127.0.0.1:0 > "$dir/sandbox" 2>&1 &
sandbox_pid=$!
base=
for _ in $(seq 100); do
  base=$(sed -n 's/^sandbox at //p' "$dir/sandbox")
  [ -z "$base" ] || break
  sleep 0.1
done
[ -n "$base" ] || { say "the sandbox does not start:"; cat "$dir/sandbox" >&2; exit 2; }
control() { curl --fail --silent --show-error --max-time 60 --noproxy '*' "$base/_sandbox/$1" "${@:2}"; }

# --- the rows: as many of each as take the same number of spans ---------------------------------------

# Who we are and who is protected is asked as well, which counts: a few rows less where one quota is for all.
rows_of() { echo $(($1 * (spans + 1) - ${2:-0})); }
ids() { seq -f "$1" "$2" $(($2 + $3 - 1)); }
{
  ids '3618%08.0f,support,permanently-delete' 1 "$(rows_of $permanent)"
  # A hundred to a request, so they hardly count.
  ids '3619%08.0f,support,delete' 1 1000
  ids '5fa1c0d619a30a2e%08.0f,chat,delete' 1 "$(rows_of $sunco 20)"
  ids '57257670000005%05.0f,crm,delete' 1001 "$(rows_of $zoho 20)"
} > "$dir/sorted"
tac "$dir/sorted" > "$dir/reversed"
awk 'BEGIN { srand(5) } { printf "%.9f,%s\n", rand(), $0 }' "$dir/sorted" | sort | cut -d, -f2- > "$dir/shuffled"
awk -F, '
  { kind = $2 == "support" ? "zendesk" : $2 == "chat" ? "sunco" : "zoho"
    state = $3 == "permanently-delete" ? ",\"state\":\"soft-deleted\"" : ""
    users[kind] = users[kind] "," sprintf("{\"id\":\"%s\"%s}", $1, state) }
  END { for (kind in users) all = all ",\"" kind "\":[" substr(users[kind], 2) "]"; print "{" substr(all, 2) "}" }
' "$dir/sorted" > "$dir/users.json"

# Whole spans that must pass before the last of $1 requests may leave under $2 a span.
least_of() { echo $(((($1 + $2 - 1) / $2 - 1) * span_secs)); }
count() { grep -c "$1" "$dir/sorted"; }
largest() { printf '%s\n' "$@" | sort -n | tail -1; }
least=$(largest \
  "$(least_of "$(count 'permanently')" $permanent)" \
  "$(least_of "$(count ',chat,')" $sunco)" \
  "$(least_of "$(count ',crm,')" $zoho)")

grep -E '^(\[accounts|[a-z_]+ = |$)' "$dir/sandbox" | awk -v zendesk=$zendesk -v permanent=$permanent -v sunco=$sunco \
  -v zoho=$zoho -v span=$span_secs -v at_once=$at_once '
  /^\[accounts/ { limits() ; name = $0; gsub(/\[accounts\.|\]/, "", name) }
  { print }
  function limits() {
    if (name == "") return
    printf "[accounts.%s.limits]\n", name
    if (name == "support") printf "requests = \"%d/%ds\"\npermanently-delete = \"%d/%ds\"\nconcurrency = 16\n", zendesk, span, permanent, span
    if (name == "chat") printf "requests = \"%d/%ds\"\nconcurrency = 16\n", sunco, span
    if (name == "crm") printf "requests = \"%d/%ds\"\nconcurrency = %d\n", zoho, span, at_once
  }
  END { limits() }' > "$dir/userpurge.toml"
chmod 600 "$dir/userpurge.toml"

# --- the runs --------------------------------------------------------------------------------------

export XDG_CACHE_HOME="$dir/cache" XDG_STATE_HOME="$dir/state"
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)
rows=$(wc -l < "$dir/sorted")
echo "$(nproc) × ${cpu:-unknown}, $(uname -sr), $(date -u +%Y-%m-%d). $rows rows: $(count permanently) permanent and"
echo "$(count ',support,delete') soft deletions at Zendesk, $(count ',chat,') at Sunshine Conversations, $(count ',crm,') at Zoho; answers in 1 to 20 ms."
echo
echo "| rows | least by the quotas | taken | ratio | requests | refused |"
echo "| --- | ---: | ---: | ---: | ---: | ---: |"
for order in $orders; do
  control reset -X POST > /dev/null
  # The sandbox forgets what was sent, and so has the program to: it would wait for the last run's requests.
  rm -rf "$dir/state"
  control settings -d "{\"latency\":\"1ms..20ms\",\"quota_mode\":\"rolling\",\"scale_limits\":$scale,
    \"zendesk\":{\"quota\":\"$zendesk/${sandbox_secs}s\",\"permanent_quota\":\"$permanent/${sandbox_secs}s\"},
    \"sunco\":{\"quota\":\"$sunco/${sandbox_secs}s\"},
    \"zoho\":{\"credits\":\"1000000/1d\",\"token_quota\":\"1000/10m\",\"concurrency\":$at_once}}" > /dev/null
  control users --data-binary "@$dir/users.json" > /dev/null
  { echo 'id,account,action'; cat "$dir/$order"; } > "$dir/users.csv"
  rm -f "$dir/users.csv.ledger.jsonl"
  TIMEFORMAT=%R
  { taken=$( { time bounded "$USERPURGE" run "$dir/users.csv" --config "$dir/userpurge.toml" --yes --progress none \
    > "$dir/words" 2>&1; } 2>&1 ); } || { say "the run failed:"; tail -n 20 "$dir/words" >&2; exit 1; }
  control requests > "$dir/log"
  requests=$({ grep -o '"seq":' "$dir/log" || true; } | wc -l)
  refused=$({ grep -o '"status":429' "$dir/log" || true; } | wc -l)
  awk -v order="$order" -v least="$least" -v taken="$taken" -v requests="$requests" -v refused="$refused" \
    'BEGIN { printf "| %s | %.1f s | %.2f s | %.3f | %d | %d |\n", order, least, taken, taken / least, requests, refused }'
done
