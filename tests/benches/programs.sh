# The two programs of this repository that `wire.sh` and `growth.sh` measure, and their input, to be
# sourced by them: in `USERPURGE` and `BARE`, built unless they are given.

if [ -z "${USERPURGE:-}" ]; then
  cargo build --release --locked --quiet
  # A bench builds the program once more in its place, as the tests want it.
  mkdir -p target/bench
  cp target/release/userpurge target/bench/userpurge
  USERPURGE=target/bench/userpurge
fi
if [ -z "${BARE:-}" ]; then
  BARE=$(cargo bench --locked --no-run --bench bare 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p')
fi
USERPURGE=$(realpath "$USERPURGE")
BARE=$(realpath "$BARE")

ids() { awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "5fa1c0d619a30a2e%08x\n", i }'; }
csv() { echo "id,account,action"; ids "$1" | sed 's/$/,bench,delete/'; }
