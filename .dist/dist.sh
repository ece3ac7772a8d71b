#!/usr/bin/env bash
# Builds the release archive: program, manual, completions, licences, notices, checksums.
# Usage: dist.sh. The archive lies in target/dist. TWICE=1 builds it twice, in two folders, and compares the bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
cargo=${CARGO:-cargo}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
host=$(rustc -vV | sed -n 's/^host: //p')
case $(rustc --version) in
"rustc $wanted."*) ;;
*) echo "a release is built by Rust $wanted, and this is $(rustc --version): use \`rustup toolchain install $wanted\`" >&2; exit 1 ;;
esac
# Times in the archive are those of the last commit, so that the same sources give the same bytes.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# Builds the sources that lie in $1 into the archive $2. No path of the builder stands in the program.
archive() (
	cd "$1"
	home=${CARGO_HOME:-$HOME/.cargo}
	export RUSTFLAGS="--remap-path-prefix=$1=userpurge --remap-path-prefix=$home=cargo"
	export CARGO_TARGET_DIR=$1/target/dist-build
	$cargo build --release --locked
	program=$CARGO_TARGET_DIR/release/userpurge
	if grep -aqF -e "$HOME/" -e "$1/" "$program"; then
		echo "the program names a path of this machine" >&2
		exit 1
	fi
	name=userpurge-$version-$host
	folder=$CARGO_TARGET_DIR/$name
	rm -rf "$folder" && mkdir -p "$folder/completions"
	cp "$program" README.md .dist/LICENSE-MIT .dist/LICENSE-APACHE "$folder"
	"$program" man --out "$folder/man"
	for shell in bash zsh fish; do "$program" completions $shell >"$folder/completions/userpurge.$shell"; done
	cp "$root/target/dist/THIRD-PARTY.md" "$folder"
	tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
		-C "$CARGO_TARGET_DIR" -cf - "$name" | gzip -9n >"$2"
)

rm -rf target/dist && mkdir -p target/dist
NOTICES=$root/target/dist/THIRD-PARTY.md $cargo test --locked --test it -- packages::
out=$root/target/dist/userpurge-$version-$host.tar.gz
archive "$root" "$out"
if [ -n "${TWICE:-}" ]; then
	second=$(mktemp -d)
	trap 'rm -rf "$second"' EXIT
	git archive HEAD | tar -xf - -C "$second"
	archive "$second" "$second/second.tar.gz"
	cmp "$out" "$second/second.tar.gz"
	echo "built twice: the same bytes"
fi
rm -f target/dist/THIRD-PARTY.md
(cd target/dist && sha256sum -- *.tar.gz >SHA256SUMS && cat SHA256SUMS)
