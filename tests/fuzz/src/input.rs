//! Inputs of every format, their columns, and their ids on the way into an address.

use std::path::Path;

use ::http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

use super::reply::providers;
use userpurge::domain::{Position, ProviderKind, Record, UserId};
use userpurge::input::{
    Columns, Format, InputError, InputSource, ReadOptions, Resolved, RowProblem,
};
use userpurge::provider::{Access, LookupFor, Request, check_id};

/// The names that an input is read under, and the format it is read in; `None`: it is found out.
const SHAPES: [(&str, Option<Format>); 14] = [
    ("a.csv", None),
    ("a.tsv", None),
    ("a.jsonl", None),
    ("a.json", None),
    ("a.ids", None),
    ("a.txt", None),
    ("a", None),
    ("a.csv.gz", None),
    ("a.jsonl.zst", None),
    ("a", Some(Format::Csv)),
    ("a", Some(Format::Tsv)),
    ("a", Some(Format::Jsonl)),
    ("a", Some(Format::Json)),
    ("a", Some(Format::Ids)),
];

/// How many rows of an input are looked at.
const ROWS_MAX: usize = 2_000;

/// The buffer that inputs are read through.
const BUFFER_BYTES: usize = 64 * 1024;

type ReadRow = (Position, Result<Record<'static>, RowProblem>);

/// What reading came to: the rows up to the error that ended it, if one did.
#[derive(Debug, PartialEq)]
struct Reading {
    resolved: Resolved,
    rows: Vec<ReadRow>,
    error: Option<String>,
    /// Whether the error is one of the compressed data, which come in pieces as large as the
    /// buffers are.
    is_damage: bool,
}

/// Any bytes as an input: rows are the same through buffers of any size, in order, and their ids
/// have no blanks around them.
pub fn rows(data: &[u8]) {
    let Some(([shape, buffer], bytes)) = data.split_first_chunk::<2>() else {
        return;
    };
    let (name, format) = SHAPES[usize::from(*shape) % SHAPES.len()];
    let options = ReadOptions {
        format,
        ..ReadOptions::default()
    };
    let whole = read(name, bytes, BUFFER_BYTES, &options);
    let pieces = read(name, bytes, 1 + usize::from(*buffer) % 64, &options);
    match (whole, pieces) {
        (Ok(whole), Ok(pieces)) if whole.is_damage && pieces.is_damage => {
            let both = whole.rows.len().min(pieces.rows.len());
            assert_eq!(whole.rows[..both], pieces.rows[..both]);
        }
        (Ok(whole), Ok(pieces)) => {
            assert_eq!(whole, pieces);
            check_rows(&whole, bytes.len());
        }
        (whole, pieces) => {
            let told =
                |reading: Result<Reading, InputError>| reading.err().map(|it| it.to_string());
            let (whole, pieces) = (told(whole), told(pieces));
            let is_damage =
                |told: &Option<String>| told.as_ref().is_some_and(|it| it.contains("decompress"));
            if !is_damage(&whole) && !is_damage(&pieces) {
                assert_eq!(whole, pieces);
            }
        }
    }
}

fn read(
    name: &str,
    bytes: &[u8],
    buffer: usize,
    options: &ReadOptions,
) -> Result<Reading, InputError> {
    let mut source = InputSource::of_bytes(Path::new(name), bytes.to_vec(), buffer, options)?;
    let resolved = source.resolved().clone();
    let mut reading = Reading {
        resolved,
        rows: Vec::new(),
        error: None,
        is_damage: false,
    };
    while reading.rows.len() < ROWS_MAX {
        match source.advance() {
            Ok(Some(position)) => reading
                .rows
                .push((position, source.content().map(Record::into_owned))),
            Ok(None) => break,
            Err(error) => {
                let told = error.to_string();
                reading.is_damage = told.starts_with("could not decompress");
                reading.error = Some(told);
                assert!(
                    matches!(source.advance(), Ok(None)),
                    "the first error is the last"
                );
                break;
            }
        }
    }
    Ok(reading)
}

fn check_rows(reading: &Reading, bytes: usize) {
    let mut line = 0;
    for (row, (position, content)) in (1..).zip(&reading.rows) {
        assert_eq!(position.row, row);
        assert!(position.line >= line.max(1));
        line = position.line;
        match content {
            Ok(record) => {
                assert_eq!(record.id.trim(), record.id);
                for cell in [&record.account, &record.action, &record.reference] {
                    let text = cell.as_deref().unwrap_or("x");
                    assert!(!text.is_empty() && text.trim() == text);
                }
            }
            Err(problem) => assert!(!problem.code.is_empty() && !problem.reason.is_empty()),
        }
    }
    if reading.resolved.compression.is_none() {
        assert!(reading.rows.len() <= bytes + 1);
        assert!(line <= bytes as u64 + 1);
    }
}

/// A header under options that name columns: what a field is read from is a column of the input,
/// and naming that column leads to it again.
pub fn mapping(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut parts = text.splitn(5, '\n');
    let mut option = || parts.next().filter(|it| !it.is_empty()).map(str::to_owned);
    let columns = Columns {
        id: option(),
        account: option(),
        action: option(),
        reference: option(),
        brand: None,
    };
    let rest = parts.next().unwrap_or_default();
    for name in ["a.csv", "a.jsonl"] {
        let options = |columns| ReadOptions {
            columns,
            ..ReadOptions::default()
        };
        let open = |options: &ReadOptions| {
            InputSource::of_bytes(
                Path::new(name),
                rest.as_bytes().to_vec(),
                BUFFER_BYTES,
                options,
            )
        };
        let Ok(source) = open(&options(columns.clone())) else {
            continue;
        };
        let Resolved {
            mapping,
            columns: all,
            format,
            ..
        } = source.resolved();
        let fields = [
            &mapping.id,
            &mapping.account,
            &mapping.action,
            &mapping.reference,
        ];
        if matches!(format, Format::Csv | Format::Tsv) {
            assert!(mapping.id.is_some());
            for field in fields.into_iter().flatten() {
                assert!(all.contains(field), "{field:?} of {all:?}");
            }
        }
        if *format == Format::Ids || mapping.id.is_none() {
            continue;
        }
        let named = options(mapping.clone());
        let again = open(&named).map(|source| source.resolved().mapping.clone());
        assert_eq!(again.as_ref().ok(), Some(mapping), "{again:?}");
    }
}

/// A text as an id of every provider: one that passes makes addresses with exactly one segment for
/// it and no query, which stay so however often a server decodes them.
pub fn ids(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let access = Access {
        base: "https://acme.example/t/sandbox".parse().unwrap(),
        authorization: HeaderValue::from_static("Bearer t"),
    };
    for provider in providers() {
        let kind = provider.kind();
        let Ok(id) = check_id(kind)(text).map(UserId::new) else {
            continue;
        };
        assert_eq!(
            check_id(kind)(id.as_str()),
            Ok(id.as_str()),
            "a checked id passes again"
        );
        let usual = usual_id(kind);
        let usual = UserId::new(check_id(kind)(usual).unwrap());
        let steps = kind.actions().iter().flat_map(|action| action.steps());
        let made = steps.map(|step| {
            let of = |id| provider.step(&access, *step, id);
            (of(&id), of(&usual))
        });
        let look =
            |id| provider.lookup(&access, LookupFor::UnclearAnswer, std::slice::from_ref(id));
        let looks = (look(&id), look(&usual));
        for (request, like) in made.chain([looks]) {
            check_address(&request, &like, id.as_str(), usual.as_str());
        }
        if provider.lookup_max(LookupFor::Roles) > 1 {
            let both = [id.clone(), usual.clone()];
            let request = provider.lookup(&access, LookupFor::Roles, &both);
            assert!(
                request
                    .url
                    .query()
                    .is_some_and(|it| it.ends_with(&format!("{id},{usual}")))
            );
        }
    }
}

/// An id that the provider surely takes.
const fn usual_id(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Zendesk => "35436",
        ProviderKind::Sunco => "5963c0d619a30a2e00de36b8",
        ProviderKind::Zoho | ProviderKind::Own(_) => "4876876000000225001",
    }
}

/// Holds the address of `request`, about `id`, against that of `like`, about `usual`.
fn check_address(request: &Request, like: &Request, id: &str, usual: &str) {
    let (url, like) = (&request.url, &like.url);
    assert_eq!((url.query(), url.fragment()), (None, None), "{url}");
    assert_eq!(url.origin(), like.origin());
    let segments: Vec<&str> = url.path().split('/').collect();
    let others: Vec<&str> = like.path().split('/').collect();
    assert_eq!(segments.len(), others.len(), "{url}");
    let mut own = 0;
    for (segment, other) in segments.iter().zip(others) {
        let decoded = percent_decode_str(segment).decode_utf8().unwrap();
        if other == usual {
            assert_eq!(decoded, id);
            own += 1;
        } else {
            assert_eq!(*segment, other);
        }
    }
    assert_eq!(own, 1, "{url}");
    // A server that decodes the path before it follows it comes to nobody else.
    let mut path = url.path().to_owned();
    for _ in 0..4 {
        path = percent_decode_str(&path).decode_utf8_lossy().into_owned();
        let followed = Url::parse("https://acme.example")
            .unwrap()
            .join(&format!("/x{path}"));
        let stays = followed.is_ok_and(|it| it.path().starts_with("/x/t/sandbox/"));
        assert!(stays, "{url} leads elsewhere");
    }
}
