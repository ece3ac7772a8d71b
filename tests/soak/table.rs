//! The figures, as a table that a document can take.

use std::time::Duration;

use userpurge::domain::Outcome;

use crate::judge::Books;
use crate::watch::Life;

/// How long commands took on the whole ledger.
#[derive(Debug)]
pub(crate) struct Times {
    pub(crate) audit: Duration,
    pub(crate) status: Duration,
    /// Of a sample.
    pub(crate) verify: Duration,
    /// Which finds nothing left to do.
    pub(crate) resume: Duration,
}

/// Prints all that was measured; `whole` is rows, bytes of the ledger and the time of all processes.
pub(crate) fn print(
    lives: &[Life],
    books: &Books,
    times: &Times,
    (rows, bytes, took): (usize, u64, Duration),
) {
    print_lives(lives);
    println!();
    let requests: u64 = lives.iter().map(|life| life.requests).sum();
    println!(
        "{rows} rows in {:.0} s ({:.0} a second), {requests} requests, {} settled, {} ended again",
        took.as_secs_f64(),
        per(rows as u64, took.as_secs_f64()),
        books.settled,
        books.again,
    );
    let written: u64 = books.kinds.values().sum();
    println!(
        "ledger: {} MB, {written} lines, {} bytes a row",
        bytes / 1_000_000,
        bytes / rows as u64,
    );
    println!("lines: {:?}", books.kinds);
    println!("faults (of the last million requests): {:?}", books.faults);
    let outcomes = Outcome::ALL.map(|it| format!("{} {}", books.counts.of(it), it.name()));
    println!("outcomes: {}", outcomes.join(", "));
    println!(
        "audit {:.1} s, status {:.1} s, resume with nothing left {:.1} s, verify of a sample {:.1} s",
        times.audit.as_secs_f64(),
        times.status.as_secs_f64(),
        times.resume.as_secs_f64(),
        times.verify.as_secs_f64(),
    );
}

fn print_lives(lives: &[Life]) {
    let head: Vec<String> = (1..=lives.len())
        .map(|it| format!("process {it}"))
        .collect();
    println!("| | {} |", head.join(" | "));
    println!("| --- |{}", " --- |".repeat(lives.len()));
    let line = |name: &str, cell: &dyn Fn(&Life) -> String| {
        let cells: Vec<String> = lives.iter().map(cell).collect();
        println!("| {name} | {} |", cells.join(" | "));
    };
    line("end", &|it| {
        if it.killed { "killed" } else { "done" }.to_owned()
    });
    line("seconds", &|it| format!("{:.1}", it.lasted.as_secs_f64()));
    line("rows", &|it| it.rows.to_string());
    line("rows a second", &|it| {
        format!("{:.0}", per(it.rows, it.lasted.as_secs_f64()))
    });
    line("requests", &|it| it.requests.to_string());
    line("seconds to the first request", &|it| {
        seconds(it.first_request)
    });
    line("seconds to the first deletion", &|it| {
        seconds(it.first_intent)
    });
    line("memory at the first request, MiB", &|it| {
        mib(it.rss_at_first_request())
    });
    line("memory after the first minute, MiB", &|it| {
        let settled = mib(it.rss_settled());
        if it.is_long() {
            settled
        } else {
            format!("{settled} (after a tenth)")
        }
    });
    line("most memory since then, MiB", &|it| {
        mib(it.rss_settled_max())
    });
    line("most memory, MiB", &|it| mib(it.rss_peak()));
    line("memory at the end, MiB", &|it| mib(it.rss_at_end()));
    line("memory at each tenth of its time, MiB", &|it| {
        it.rss_at_tenths().map(mib).join(" ")
    });
    line("open files after the first minute, least to most", &|it| {
        let (least, most, _) = it.files();
        format!("{least} to {most}")
    });
    line("most open files", &|it| it.files().2.to_string());
    line("threads", &|it| it.threads_max().to_string());
    line("ledger, MB", &|it| {
        (it.ledger_bytes / 1_000_000).to_string()
    });
}

fn seconds(time: Option<Duration>) -> String {
    time.map_or_else(
        || "none".to_owned(),
        |it| format!("{:.2}", it.as_secs_f64()),
    )
}

#[expect(
    clippy::cast_precision_loss,
    reason = "memory is no number of more than 52 bits"
)]
fn mib(kib: u64) -> String {
    format!("{:.1}", kib as f64 / 1024.0)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no count here has more than 52 bits"
)]
fn per(count: u64, of: f64) -> f64 {
    count as f64 / of
}
