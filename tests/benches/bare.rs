//! The bare loop that `wire.sh` measures userpurge against: the same crates, one thread, ids from a
//! CSV file to requests under way to lines in a buffered file. It keeps to no quota, survives
//! nothing and knows no provider: it says how fast the crates are when nothing is asked of them.
//!
//! `bare INPUT URL_IN_FRONT_OF_THE_ID IN_FLIGHT OUT`

#![allow(
    clippy::print_stderr,
    reason = "a program of its own, for the people who measure"
)]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::process::ExitCode;

use futures::StreamExt as _;
use reqwest::Client;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, url, in_flight, out] = &arguments[..] else {
        // `cargo bench` and `cargo test --benches` come by with arguments of their own.
        eprintln!("usage: bare INPUT URL_IN_FRONT_OF_THE_ID IN_FLIGHT OUT");
        return ExitCode::SUCCESS;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let swept = runtime.map_err(Into::into).and_then(|runtime| {
        let in_flight = in_flight.parse()?;
        runtime.block_on(sweep(input, url, in_flight, out))
    });
    match swept {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bare: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn sweep(input: &str, url: &str, in_flight: usize, out: &str) -> Result<(), Box<dyn Error>> {
    // An error says that there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new();
    let mut reader = csv::Reader::from_path(input)?;
    let ids = reader
        .records()
        .map(|record| -> Result<String, csv::Error> {
            record.map(|record| record.get(0).unwrap_or_default().to_owned())
        });
    let mut ended = futures::stream::iter(ids)
        .map(|id| {
            let client = &client;
            async move {
                let id = id?;
                let request = client
                    .delete(format!("{url}{id}"))
                    .basic_auth("app_bench", Some("secret"));
                let response = request.send().await?;
                let status = response.status();
                let body = response.bytes().await?;
                Ok::<_, Box<dyn Error>>((id, status, body.len()))
            }
        })
        .buffer_unordered(in_flight);
    let mut lines = BufWriter::new(File::create(out)?);
    while let Some(end) = ended.next().await {
        let (id, status, len) = end?;
        writeln!(lines, "{id},{},{len}", status.as_u16())?;
    }
    lines.flush()?;
    Ok(())
}
