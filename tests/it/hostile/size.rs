//! Answers without end, and answers that swell: memory and time stay bounded, nothing is believed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use rstest::rstest;

use super::{Stage, Who, honest};
use crate::support::raw::{After, Wire};

/// What the program may take up, debug build and all.
const MEMORY_BYTES_MAX: u64 = 200 * 1024 * 1024;

/// Rows of one run, more than are under way at once.
const ROWS: usize = 12;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// 10 MB of zeros, packed into some 10 kB.
fn bomb() -> &'static [u8] {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| gzip(&vec![0; 10_000_000]))
}

#[derive(Debug, Clone, Copy)]
enum Flood {
    /// A body that ends with the connection, which never does.
    Endless,
    /// Chunk after chunk.
    EndlessChunks,
    /// A length that nobody has.
    HugeLength,
    /// 10 GB packed into 10 MB.
    Bomb,
    /// The same without end.
    EndlessBomb,
    /// Packed twice, and saying so.
    NestedBomb,
    /// A header of a megabyte.
    LongHeader,
    /// Ten thousand headers.
    ManyHeaders,
    /// A header without end.
    EndlessHeader,
    /// An extension of a chunk without end.
    EndlessExtension,
    /// Trailers without end.
    EndlessTrailers,
    /// Just under the bound, in as many JSON values as fit.
    ManyValues,
    /// The same, as members of an object.
    ManyMembers,
}

/// How often a part is sent again.
#[derive(Debug, Clone, Copy)]
enum Times {
    Never,
    Thousand,
    /// Until the client has enough.
    ForEver,
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

fn head(more: &str) -> Vec<u8> {
    format!("{HEAD}{more}").into_bytes()
}

/// A whole answer.
fn whole(more: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    [
        head(&format!("{more}content-length: {length}\r\n\r\n")).as_slice(),
        body,
    ]
    .concat()
}

/// `0..n`, each in a text of its own.
fn numbered(n: usize, each: impl Fn(&mut String, usize)) -> String {
    (0..n).fold(String::new(), |mut all, number| {
        each(&mut all, number);
        all
    })
}

impl Flood {
    /// What is sent first, and what again and again.
    fn bytes(self) -> (Vec<u8>, Vec<u8>, Times) {
        const PIECE: usize = 64 * 1024;
        let chunked = "transfer-encoding: chunked\r\n\r\n";
        let packed = "content-encoding: gzip\r\n\r\n";
        let letters = "y".repeat(PIECE).into_bytes();
        let blanks = " ".repeat(PIECE).into_bytes();
        let chunk = b"10\r\n                \r\n".repeat(1_000);
        let huge = format!("content-length: {}\r\n\r\n", u64::MAX - 1);
        match self {
            Self::Endless => (head("\r\n"), blanks, Times::ForEver),
            Self::EndlessChunks => (head(chunked), chunk, Times::ForEver),
            Self::HugeLength => (head(&huge), blanks, Times::ForEver),
            Self::Bomb => (head(packed), bomb().to_vec(), Times::Thousand),
            Self::EndlessBomb => (head(packed), bomb().to_vec(), Times::ForEver),
            Self::NestedBomb => {
                let twice = gzip(&bomb().repeat(1_000));
                let said = "content-encoding: gzip, gzip\r\n";
                (whole(said, &twice), Vec::new(), Times::Never)
            }
            Self::LongHeader => {
                let header = format!("x: {}\r\n", "y".repeat(1_000_000));
                (whole(&header, b"{}"), Vec::new(), Times::Never)
            }
            Self::ManyHeaders => {
                let headers = numbered(10_000, |all, n| write!(all, "x-{n}: y\r\n").unwrap());
                (whole(&headers, b"{}"), Vec::new(), Times::Never)
            }
            Self::EndlessHeader => (head("x: "), letters, Times::ForEver),
            Self::EndlessExtension => (head(&format!("{chunked}2;")), letters, Times::ForEver),
            Self::EndlessTrailers => (
                head(&format!("{chunked}2\r\n{{}}\r\n0\r\n")),
                b"x-trailer: y\r\n".repeat(1_000),
                Times::ForEver,
            ),
            Self::ManyValues => {
                let body = format!("{{\"user\":[0{}]}}", ",0".repeat(2_000_000));
                (whole("", body.as_bytes()), Vec::new(), Times::Never)
            }
            Self::ManyMembers => {
                let members = numbered(400_000, |all, n| write!(all, ",\"{n}\":0").unwrap());
                let body = format!("{{\"user\":{{\"id\":1{members}}}}}");
                (whole("", body.as_bytes()), Vec::new(), Times::Never)
            }
        }
    }

    fn send(wire: &mut Wire, (first, again, times): &(Vec<u8>, Vec<u8>, Times)) -> After {
        let mut taken = wire.send(first);
        let times = match times {
            Times::Never => 0,
            Times::Thousand => 1_000,
            Times::ForEver => usize::MAX,
        };
        for _ in 0..times {
            if !taken {
                break;
            }
            taken = wire.send(again);
        }
        After::Close
    }
}

/// The most memory that process `id` has had; `None`: it has ended.
fn memory_peak(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1_024)
}

#[rstest]
fn a_flood_costs_little_and_confirms_nothing(
    #[values(
        Flood::Endless,
        Flood::EndlessChunks,
        Flood::HugeLength,
        Flood::Bomb,
        Flood::EndlessBomb,
        Flood::NestedBomb,
        Flood::LongHeader,
        Flood::ManyHeaders,
        Flood::EndlessHeader,
        Flood::EndlessExtension,
        Flood::EndlessTrailers,
        Flood::ManyValues,
        Flood::ManyMembers
    )]
    flood: Flood,
) {
    let bytes = flood.bytes();
    let stage = Stage::new(Who::Sunco, ROWS, move |heard, wire, sandbox| {
        if heard.is_deletion() {
            return Flood::send(wire, &bytes);
        }
        honest(heard, wire, sandbox)
    });
    let args = stage.args(&["--attempts", "1", "--concurrency", "8"]);
    let mut child = stage.world.start(&args);
    let mut peak = 0;
    stage.world.until("it has ended", || {
        peak = memory_peak(child.id()).unwrap_or(0).max(peak);
        child.try_wait().unwrap().is_some()
    });
    stage.world.finish(child).code(1);
    // Each stands, and a look says so, unless that takes too long on a busy machine.
    let is_true = |end: &String| ["failed", "in_doubt"].contains(&end.as_str());
    assert!(stage.ends().iter().all(is_true), "{:?}", stage.ends());
    assert!((1..MEMORY_BYTES_MAX).contains(&peak), "{peak} bytes");
    assert_eq!(stage.gone(ROWS), 0);
}
