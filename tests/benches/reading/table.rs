//! The tables that README shows.

use super::files::Kind;
use super::{Measured, Reader};

/// Prints the readers side by side over the largest files, then the growth with the rows.
#[expect(clippy::print_stdout, reason = "this is what the benchmark is for")]
pub(crate) fn print(all: &[Measured]) {
    println!("\n| rows | file | read by | time | beside the bare loop | memory |");
    println!("| ---: | --- | --- | ---: | ---: | ---: |");
    for kind in Kind::ALL {
        let of_kind = || all.iter().filter(|it| it.kind == kind);
        let Some(most) = of_kind().map(|it| it.rows).max() else {
            continue;
        };
        let largest: Vec<&Measured> = of_kind().filter(|it| it.rows == most).collect();
        for (place, it) in largest.iter().enumerate() {
            let ratio = match (largest[0].reader, it.reader) {
                (_, Reader::Bare("bare-csv" | "bare-json"))
                | (Reader::Status | Reader::Resume, _) => String::new(),
                _ => format!("{:.2} times", it.took.secs / largest[0].took.secs),
            };
            let (rows, title) = match place {
                0 => (grouped(it.rows), kind.title(it.rows, it.bytes)),
                _ => (String::new(), String::new()),
            };
            println!(
                "| {rows} | {title} | {} | {:.2} s | {ratio} | {} |",
                it.reader.name(),
                it.took.secs,
                it.took.resident_bytes.map_or_else(String::new, megabytes),
            );
        }
    }
    println!(
        "\n| rows | `plan`, numbers | `plan`, texts | `plan`, JSON Lines | `status` | `resume` |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut sizes: Vec<u64> = all.iter().map(|it| it.rows).collect();
    sizes.sort_unstable();
    sizes.dedup();
    for rows in sizes {
        let cells = Kind::ALL.map(|kind| {
            let found = all.iter().find(|it| {
                let is_other = matches!(it.reader, Reader::Bare(_) | Reader::Save);
                it.kind == kind && it.rows == rows && !is_other
            });
            found.map_or_else(String::new, cell)
        });
        println!("| {} | {} |", grouped(rows), cells.join(" | "));
    }
}

/// Time and memory for one row.
fn cell(it: &Measured) -> String {
    let micros = it.took.secs * 1e6 / rows(it);
    let memory = it
        .took
        .resident_bytes
        .map_or_else(String::new, |bytes| format!(", {}", per_row(bytes, it)));
    format!("{micros:.2} µs{memory}")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure of three digits is shown"
)]
fn per_row(bytes: u64, it: &Measured) -> String {
    let each = bytes as f64 / rows(it);
    if each >= 1_000.0 {
        format!("{:.0} kB", each / 1_000.0)
    } else {
        format!("{each:.0} B")
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are ten million at most")]
fn rows(it: &Measured) -> f64 {
    it.rows as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure of three digits is shown"
)]
fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

/// A number with commas between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
