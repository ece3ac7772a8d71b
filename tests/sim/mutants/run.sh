#!/usr/bin/env bash
# Brings old faults back, one at a time, in a copy of the sources, and shows that the simulation finds each.
# Usage: run.sh [NAME...]. MUTANT_SEEDS: in how many seeds at most (1,500). Ends with 1 if one is not found.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
copy=$root/target/mutants
seeds=${MUTANT_SEEDS:-1500}
cargo=${CARGO:-cargo}
# Not the folder of the sources themselves: cargo tells two crates of one name apart by nothing else.
export CARGO_TARGET_DIR=${MUTANT_TARGET:-$root/target/mutants-build}

rm -rf "$copy" && mkdir -p "$copy"
(cd "$root" && tar -cf - --exclude=./target --exclude=./.git .) | tar -xf - -C "$copy"
cd "$copy"

# Plays seeds until three have broken a rule.
play() {
	local program
	program=$($cargo test --locked --test sim --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p')
	[ -n "$program" ] || { echo "does not build"; return 1; }
	case $program in /*) ;; *) program=$copy/$program ;; esac
	SIM_FROM=1 SIM_SEEDS=$seeds SIM_FAILURES=3 timeout "${MUTANT_SECONDS:-600}" "$program" 2>&1 || true
}

missed=0
printf '%-24s %12s %22s  %s\n' mutant 'first seed' 'seeds for three' 'what was broken'
for patch in "$root"/tests/sim/mutants/*.patch; do
	name=$(basename "$patch" .patch)
	if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
	if ! patch -s -p1 -F3 <"$patch"; then
		printf '%-24s does not apply\n' "$name"; missed=1
		continue
	fi
	told=$(play || true)
	first=$(sed -n 's/^seed \([0-9]*\): .*/\1/p' <<<"$told" | head -1)
	third=$(sed -n 's/^seed \([0-9]*\): .*/\1/p' <<<"$told" | sed -n 3p)
	why=$(sed -n 's/^seed [0-9]*: //p' <<<"$told" | head -1 | cut -c1-110)
	if [ -z "$first" ]; then
		missed=1
		why="NOT FOUND: $(tail -1 <<<"$told" | cut -c1-110)"
	fi
	printf '%-24s %12s %22s  %s\n' "$name" "${first:--}" "${third:--}" "$why"
	patch -s -R -p1 -F3 <"$patch"
done
exit $missed
