//! Tests of the whole way from a file to its rows: every fixture, every refusal, and a property
//! over all formats, encodings and compressions.

use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rstest::rstest;
use tempfile::NamedTempFile;

use userpurge::domain::{Position, Record};
use userpurge::input::{
    Columns, Compression, Format, InputSource, ReadOptions, RowProblem, fingerprint, spool,
};

mod excerpt;
mod first_lines;
mod rows;
mod table;

/// A file that holds `content`.
fn file(suffix: &str, content: impl AsRef<[u8]>) -> NamedTempFile {
    let mut file = NamedTempFile::with_suffix(suffix).unwrap();
    file.write_all(content.as_ref()).unwrap();
    file
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/input")
        .join(name)
}

fn id_column(name: &str) -> ReadOptions {
    ReadOptions {
        columns: Columns {
            id: (!name.is_empty()).then(|| name.to_owned()),
            ..Columns::default()
        },
        ..ReadOptions::default()
    }
}

type OwnedRow = (Position, Result<Record<'static>, RowProblem>);

/// Every row with texts of its own.
fn all_rows(mut source: InputSource) -> Vec<OwnedRow> {
    let mut rows = Vec::new();
    let read = source.each_row(|position, content| {
        rows.push((position, content.clone().map(Record::into_owned)));
    });
    read.unwrap();
    rows
}

/// `line id`, or `line code`, of every row.
fn ids_of(source: InputSource) -> Vec<String> {
    (1..)
        .zip(all_rows(source))
        .map(|(number, (position, content))| {
            assert_eq!(position.row, number);
            let told = match &content {
                Ok(record) => record.id.as_ref(),
                Err(RowProblem { code, .. }) => code,
            };
            format!("{} {told}", position.line)
        })
        .collect()
}

#[rstest]
#[case("comma.csv", "", Format::Csv, Some(','), &[2, 3, 4])]
#[case("semicolon.csv", "", Format::Csv, Some(';'), &[2, 3, 5])]
#[case("pipe.csv", "", Format::Csv, Some('|'), &[2, 3, 4])]
#[case("sep_line.csv", "", Format::Csv, Some(';'), &[3, 4, 5])]
#[case("tabs.tsv", "", Format::Tsv, Some('\t'), &[2, 3, 4])]
#[case("quoted_newlines.csv", "", Format::Csv, Some(','), &[2, 5, 6])]
#[case("utf8_bom.csv", "", Format::Csv, Some(','), &[2, 3, 4])]
#[case("utf16_le.csv", "", Format::Csv, Some(','), &[2, 3, 5])]
#[case("utf16_be.tsv", "", Format::Tsv, Some('\t'), &[2, 3, 4])]
#[case("latin1_names.csv", "", Format::Csv, Some(','), &[2, 3, 4])]
#[case("short_and_long_rows.csv", "", Format::Csv, Some(','), &[2, 3, 4])]
#[case("old_mac.csv", "", Format::Csv, Some(','), &[2, 3, 4])]
#[case("no_header.csv", "", Format::Ids, None, &[1, 2, 3])]
#[case("members.csv.gz", "", Format::Csv, Some(','), &[2, 3, 4])]
#[case("lines.jsonl.zst", "", Format::Jsonl, None, &[1, 2, 3])]
#[case("nested.jsonl", "user.id", Format::Jsonl, None, &[1, 3, 4])]
#[case("flat.jsonl", "", Format::Jsonl, None, &[1, 2, 3])]
#[case("lines.json", "", Format::Jsonl, None, &[1, 2, 3])]
#[case("objects.json", "", Format::Json, None, &[2, 6, 7])]
#[case("bare_ids.json", "", Format::Json, None, &[1, 1, 2])]
#[case("plain.ids", "", Format::Ids, None, &[2, 4, 6])]
#[case("id_and_time.txt", "", Format::Ids, None, &[1, 2, 3])]
fn every_fixture_yields_its_three_ids_with_their_lines(
    #[case] name: &str,
    #[case] id: &str,
    #[case] format: Format,
    #[case] delimiter: Option<char>,
    #[case] lines: &[u64],
) {
    let source = InputSource::open(&fixture(name), &id_column(id)).unwrap();
    assert_eq!(source.resolved().format, format);
    assert_eq!(source.resolved().delimiter, delimiter);
    let expected: Vec<_> = lines
        .iter()
        .zip(35436..)
        .map(|(line, id)| format!("{line} {id}"))
        .collect();
    assert_eq!(ids_of(source), expected);
}

#[rstest]
#[case("long_numbers.json", &["1 554023000000235011", "1 18446744073709551616", "1 123456789012345678901234567890"])]
#[case("not_ids.jsonl", &[
    "1 scientific_notation",
    "2 scientific_notation",
    "3 decimal_point",
    "4 negative",
    "5 not_an_id",
    "6 no_id",
    "7 not_an_id",
    "8 no_id",
    "9 not_json",
    "10 ambiguous",
    "11 35438",
])]
#[case("bad_bytes.csv", &["2 35436", "3 invalid_utf8", "4 35438"])]
#[case("unclosed_quote.csv", &["2 35436", "3 unclosed_quote"])]
fn a_row_with_a_problem_does_not_stop_the_others(#[case] name: &str, #[case] expected: &[&str]) {
    let source = InputSource::open(&fixture(name), &ReadOptions::default()).unwrap();
    assert_eq!(ids_of(source), expected);
}

#[test]
fn what_was_found_out_can_be_asked_and_given_back() {
    let path = fixture("semicolon.csv");
    let source = InputSource::open(&path, &ReadOptions::default()).unwrap();
    let resolved = source.resolved().clone();
    assert_eq!(resolved.columns, ["Name", "User ID", "System", "Ticket"]);
    assert_eq!(resolved.mapping.id.as_deref(), Some("User ID"));
    assert_eq!(resolved.mapping.account.as_deref(), Some("System"));
    assert_eq!(resolved.mapping.action, None);
    assert_eq!(resolved.mapping.reference.as_deref(), Some("Ticket"));
    let again = ReadOptions {
        format: Some(resolved.format),
        delimiter: resolved.delimiter,
        columns: resolved.mapping.clone(),
        ..ReadOptions::default()
    };
    let first = all_rows(source);
    let source = InputSource::open(&path, &again).unwrap();
    assert_eq!(source.resolved(), &resolved);
    assert_eq!(all_rows(source), first);
    let record = first[0].1.as_ref().unwrap();
    assert_eq!(record.account.as_deref(), Some("acme"));
    assert_eq!(record.reference.as_deref(), Some("T-1"));
    assert!(record.trimmed);
    assert_eq!(first[1].1.as_ref().unwrap().reference, None);
}

/// The error of a file called `name` that holds `bytes`, with its path cut down to the name.
fn refusal(name: &str, bytes: &[u8], options: &ReadOptions) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(bytes).unwrap();
    let error = match InputSource::open(&path, options) {
        Ok(mut source) => source.each_row(|_, _| ()).unwrap_err(),
        Err(error) => error,
    };
    let folder = format!("{}/", folder.path().display());
    error.to_string().replace(&folder, "")
}

#[rstest]
#[case("a.csv", b"", "`a.csv` is empty; check that the export ran to its end")]
#[case(
    "a.csv",
    b"\xEF\xBB\xBF \r\n",
    "`a.csv` is empty; check that the export ran to its end"
)]
#[case(
    "a.csv",
    b"name,mail\nBo,b@x\n",
    "no column of `a.csv` is known to hold user ids; name one with `--id-column`, or give `--format ids` if each line begins with an id (columns seen: `name`, `mail`)"
)]
#[case(
    "a.csv",
    b"Users to delete\n\nname;User ID\nBo;1\n",
    "line 1 of `a.csv` is no header, and line 3 looks like it; `--header-line 3` reads on from there"
)]
#[case(
    "a.jsonl",
    b"{\"name\":\"Bo\"}\n",
    "no column of `a.jsonl` is known to hold user ids; name one with `--id-column`, or give `--format ids` if each line begins with an id (columns seen: `name`)"
)]
#[case(
    "a.json",
    b"nonsense\n",
    "`a.json` does not begin with whole JSON; give an array of objects or of ids, or one object a line with `--format jsonl`"
)]
#[case(
    "a.json",
    b"[1,\n2",
    "`a.json` is no whole JSON: it ends in the middle of an element (line 2); fetch it again, or fix it there"
)]
#[case(
    "a.csv",
    b"PK\x03\x04\0\0",
    "could not unpack `a.csv`: it is damaged, cut short, locked with a password or of another kind; fetch it again, or save it as CSV"
)]
#[case(
    "a.csv",
    b"i\0d\0\n\0",
    "`a.csv` is no text in UTF-8 (it holds NUL bytes, as UTF-16 without its byte order mark does); export it as CSV in UTF-8"
)]
#[case(
    "a.csv.gz",
    b"\x1f\x8bid\n35436\n",
    "could not decompress `a.csv.gz` as gzip past line 1: it is damaged, cut short or not gzip at all; fetch it again"
)]
fn a_file_that_holds_no_rows_is_refused_with_the_mend(
    #[case] name: &str,
    #[case] bytes: &[u8],
    #[case] message: &str,
) {
    assert_eq!(refusal(name, bytes, &ReadOptions::default()), message);
}

#[rstest]
#[case(
    "a.ids",
    b"1\n2\n",
    "user",
    "`a.ids` has no column `user`, which `--id-column` names (columns seen: none)"
)]
#[case(
    "a.json",
    b"[1,2]",
    "user",
    "`a.json` has no column `user`, which `--id-column` names (columns seen: none)"
)]
#[case(
    "a.csv",
    b"id,mail\n1,x\n",
    "mial",
    "`a.csv` has no column `mial`, which `--id-column` names; did you mean `mail`? (columns seen: `id`, `mail`)"
)]
#[case(
    "a.jsonl",
    b"{\"user\":{\"id\":1}}\n",
    "user.ids",
    "`a.jsonl` has no column `user.ids`, which `--id-column` names; did you mean `user.id`? (columns seen: `user`, `user.id`)"
)]
fn a_named_column_that_is_not_there_is_an_error(
    #[case] name: &str,
    #[case] bytes: &[u8],
    #[case] id: &str,
    #[case] message: &str,
) {
    assert_eq!(refusal(name, bytes, &id_column(id)), message);
}

#[test]
fn a_named_key_that_no_row_has_is_an_error_and_a_rare_one_is_not() {
    let options = ReadOptions {
        columns: Columns {
            action: Some("verb".to_owned()),
            ..Columns::default()
        },
        ..ReadOptions::default()
    };
    let message = refusal("a.jsonl", b"{\"id\":1}\n{\"id\":2}\n", &options);
    assert!(message.contains("`--action-column`"), "{message}");
    let file = file("", b"{\"id\":1}\n{\"id\":2,\"verb\":\"purge\"}\n");
    assert!(InputSource::open(file.path(), &options).is_ok());
}

#[test]
fn paths_that_are_no_file_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let told = |path: &Path| {
        let error = InputSource::open(path, &ReadOptions::default()).unwrap_err();
        error.to_string()
    };
    assert!(told(folder.path()).contains("is a folder"));
    assert!(told(&folder.path().join("a.csv")).contains("no file"));
    #[cfg(unix)]
    assert!(told(Path::new("/dev/null")).contains("a pipe or a device"));
}

#[test]
fn a_delimiter_that_sets_nothing_apart_is_refused() {
    for delimiter in ['"', '\n', 'é'] {
        let options = ReadOptions {
            delimiter: Some(delimiter),
            ..ReadOptions::default()
        };
        let error = InputSource::open(&fixture("comma.csv"), &options).unwrap_err();
        assert!(error.to_string().contains("cannot be a delimiter"));
    }
}

#[test]
fn damage_in_the_middle_of_a_file_ends_the_reading_once() {
    let text = (0..200_000).fold("id\n".to_owned(), |text, id| format!("{text}{id}\n"));
    let mut bytes = zstd::encode_all(text.as_bytes(), 1).unwrap();
    bytes.truncate(bytes.len() / 2);
    let file = file(".csv.zst", bytes);
    let open = || InputSource::open(file.path(), &ReadOptions::default()).unwrap();
    let mut source = open();
    let mut read = 0;
    while let Ok(Some(_)) = source.advance() {
        read += 1;
    }
    assert!(read > 1 && matches!(source.advance(), Ok(None)));
    let mut seen = 0;
    let error = open().each_row(|_, _| seen += 1).unwrap_err();
    assert!(
        error.to_string().contains("could not decompress"),
        "{error}"
    );
    assert_eq!(seen, read);
}

/// Is interrupted before every other read.
struct Interrupted(&'static [u8], bool);

impl Read for Interrupted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let end = buffer.len().min(3);
        self.0.read(&mut buffer[..end])
    }
}

#[test]
fn a_signal_does_not_end_the_reading() {
    let copy = spool(Interrupted(b"id\n1\n2\n", false)).unwrap();
    assert_eq!(std::fs::read(&copy).unwrap(), b"id\n1\n2\n");
}

/// Yields a byte, then fails.
struct Breaking(bool);

impl Read for Breaking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if std::mem::replace(&mut self.0, true) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        buffer[0] = b'1';
        Ok(1)
    }
}

#[test]
fn standard_input_is_kept_whole_and_private_or_not_at_all() {
    let error = spool(Breaking(false)).unwrap_err();
    assert!(error.to_string().contains("free space"), "{error}");
    let copy = spool(&b"id\n1\n"[..]).unwrap();
    let path = copy.to_path_buf();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"id\n1\n");
    drop(copy);
    assert!(!path.exists());
}

#[test]
fn a_file_has_the_same_digest_while_it_is_read_for_its_rows() {
    // FIPS 180-2, appendix B.1.
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(fingerprint(file("", "abc").path()).unwrap().sha256, abc);
    for rows in [1, 300_000] {
        let file = file(".csv", format!("id\n{}", "12\n".repeat(rows)));
        let options = ReadOptions {
            is_digested: true,
            ..ReadOptions::default()
        };
        let mut source = InputSource::open(file.path(), &options).unwrap();
        source.each_row(|_, _| ()).unwrap();
        let digest = source.fingerprint().unwrap();
        assert_eq!(digest, fingerprint(file.path()).unwrap());
    }
}

/// How a file of the property below is written.
#[derive(Debug, Clone, Copy)]
struct Written {
    format: Format,
    encoding: Option<&'static str>,
    compression: Option<Compression>,
    line_end: &'static str,
}

fn any_written() -> impl Strategy<Value = Written> {
    let encodings = [None, Some("UTF-8"), Some("UTF-16LE"), Some("UTF-16BE")];
    let compressions = Compression::ALL
        .into_iter()
        .filter(|it| *it != Compression::Zip);
    let compressions: Vec<_> = std::iter::once(None)
        .chain(compressions.map(Some))
        .collect();
    // A spreadsheet is no text.
    let formats = Format::ALL
        .into_iter()
        .filter(|it| !matches!(it, Format::Xlsx | Format::Ods));
    (
        prop::sample::select(formats.collect::<Vec<_>>()),
        prop::sample::select(encodings.to_vec()),
        prop::sample::select(compressions),
        prop::sample::select(&["\n", "\r\n", "\r"]),
    )
        .prop_map(|(format, encoding, compression, line_end)| Written {
            format,
            encoding,
            compression,
            line_end,
        })
}

/// A row to write: its id, a text in another column, and how many blank lines come before it.
type Given = (String, String, usize);

fn any_rows() -> impl Strategy<Value = Vec<Given>> {
    let id = "[1-9][0-9]{0,24}|[0-9a-f]{24}|[A-Za-z_-]{1,8}[0-9]";
    let note = "[a-zé🦀,;\"'|\t\r\n ]{0,12}";
    prop::collection::vec((id, note, 0..3_usize), 1..20)
}

/// The line that whatever is appended to `text` begins on.
fn next_line(text: &str) -> u64 {
    let ends = text.replace("\r\n", "\n").replace('\r', "\n");
    ends.matches('\n').count() as u64 + 1
}

/// The text of a file with `rows`, and the line that each of them begins on.
fn write_text(rows: &[Given], written: Written) -> (String, Vec<u64>) {
    let Written {
        format, line_end, ..
    } = written;
    let delimiter = if format == Format::Tsv { b'\t' } else { b',' };
    let mut text = match format {
        Format::Csv | Format::Xlsx | Format::Ods => format!("note,id{line_end}"),
        Format::Tsv => format!("note\tid{line_end}"),
        Format::Json => format!("[{line_end}"),
        Format::Jsonl | Format::Ids => String::new(),
    };
    let mut lines = Vec::new();
    for (place, (id, note, blank_lines)) in rows.iter().enumerate() {
        text.push_str(&line_end.repeat(*blank_lines));
        lines.push(next_line(&text));
        let is_number = id.bytes().all(|b| b.is_ascii_digit()) && !id.starts_with('0');
        let json_id = if is_number && place % 2 == 0 {
            id.clone()
        } else {
            format!("\"{id}\"")
        };
        let note_json = serde_json::to_string(note).unwrap();
        match format {
            Format::Csv | Format::Tsv | Format::Xlsx | Format::Ods => {
                let mut writer = csv::WriterBuilder::new()
                    .delimiter(delimiter)
                    .from_writer(Vec::new());
                writer.write_record([note, id]).unwrap();
                let row = String::from_utf8(writer.into_inner().unwrap()).unwrap();
                text.push_str(row.strip_suffix('\n').unwrap());
            }
            Format::Jsonl => write!(text, "{{\"note\":{note_json},\"id\":{json_id}}}").unwrap(),
            Format::Json => {
                let comma = if place + 1 < rows.len() { "," } else { "" };
                write!(text, "{{\"id\":{json_id},\"note\":{note_json}}}{comma}").unwrap();
            }
            Format::Ids => text.push_str(id),
        }
        text.push_str(line_end);
    }
    if format == Format::Json {
        text.push(']');
    }
    (text, lines)
}

fn encode(text: &str, encoding: Option<&str>) -> Vec<u8> {
    let units = |to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("\u{FEFF}{text}")
            .encode_utf16()
            .flat_map(to_bytes)
            .collect()
    };
    match encoding {
        None => text.as_bytes().to_vec(),
        Some("UTF-16LE") => units(u16::to_le_bytes),
        Some("UTF-16BE") => units(u16::to_be_bytes),
        Some(_) => format!("\u{FEFF}{text}").into_bytes(),
    }
}

/// `bytes`, compressed so.
pub(crate) fn compress(bytes: Vec<u8>, compression: Option<Compression>) -> Vec<u8> {
    match compression {
        None => bytes,
        Some(Compression::Gzip) => {
            let level = flate2::Compression::fast();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(&bytes).unwrap();
            encoder.finish().unwrap()
        }
        Some(Compression::Zstd) => zstd::encode_all(bytes.as_slice(), 1).unwrap(),
        Some(Compression::Bzip2) => {
            let level = bzip2::Compression::fast();
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
            encoder.write_all(&bytes).unwrap();
            encoder.finish().unwrap()
        }
        Some(Compression::Xz) => {
            let options = lzma_rust2::XzOptions::with_preset(0);
            let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
            encoder.write_all(&bytes).unwrap();
            encoder.finish().unwrap()
        }
        Some(Compression::Zip) => panic!("an archive is no stream"),
    }
}

proptest! {
    #[test]
    fn ids_read_back_as_the_same_texts_on_the_right_lines(
        given in any_rows(),
        written in any_written(),
    ) {
        let (text, lines) = write_text(&given, written);
        let bytes = compress(encode(&text, written.encoding), written.compression);
        let suffix = format!(".{}", written.format);
        let file = file(&suffix, bytes);
        let source = InputSource::open(file.path(), &ReadOptions::default()).unwrap();
        let resolved = source.resolved();
        prop_assert_eq!(resolved.format, written.format);
        prop_assert_eq!(resolved.compression, written.compression);
        let read: Vec<(u64, String)> = all_rows(source)
            .into_iter()
            .map(|row| (row.0.line, row.1.unwrap().id.into_owned()))
            .collect();
        let ids = given.into_iter().map(|(id, _, _)| id);
        let expected: Vec<(u64, String)> = lines.into_iter().zip(ids).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn no_bytes_make_reading_panic_or_run_on(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        head in prop::sample::select(vec!["", "id,a\n", "[", "{", "\u{FEFF}", "id\t\"", "{\"id\":1}\n"]),
        name in prop::sample::select(vec![".csv", ".tsv", ".jsonl", ".json", ".ids", ".txt", ".gz"]),
    ) {
        let file = file(name, [head.as_bytes(), &bytes].concat());
        if let Ok(mut source) = InputSource::open(file.path(), &ReadOptions::default()) {
            let mut rows = 0;
            // An error ends the reading.
            let _ = source.each_row(|_, _| rows += 1);
            prop_assert!(rows <= head.len() + bytes.len() + 1);
        }
    }
}
