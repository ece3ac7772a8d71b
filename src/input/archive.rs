//! ZIP archives: the one file in them is read, or a sheet of a workbook.
//!
//! An archive says at its end what it holds, so it cannot be read as a stream. The part to be read
//! is first copied to a temporary file without a name, which is gone once it is closed.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use super::decompress::{Capped, Compression, Refused};
use super::error::{InputError, listed};
use super::format::Format;
use super::open::{TextFile, read_copy};
use super::workbook::{WORKBOOK_BYTES_MAX, check_span, copy_sheet};

/// The beginning of the names that macOS adds to an archive.
const MACOS: &str = "__MACOSX/";

/// Whether `file` begins as an archive does. It is read from its beginning afterwards.
pub(super) fn is_archive(mut file: &File) -> io::Result<bool> {
    let mut magic = Vec::new();
    file.take(4).read_to_end(&mut magic)?;
    file.rewind()?;
    Ok(Compression::of_magic(&magic) == Some(Compression::Zip))
}

/// Opens the part to be read of the archive `file`, which errors name `path`. It is the only file in it, or of
/// a workbook the sheet that is `wanted`. `is_inner`: whether it came out of another archive, as only a
/// workbook may.
pub(super) fn open_archive(
    path: &Path,
    file: File,
    wanted: Option<&str>,
    is_inner: bool,
) -> Result<TextFile, InputError> {
    let failed = |source| unreadable(path, source);
    let size = file.metadata().map_err(failed)?.len();
    let book = file.try_clone().map_err(failed)?;
    let zipped = |error: ZipError| failed(error.into());
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(zipped)?;
    // Which of two is read, nothing says.
    if archive.offset() > 0 || archive.has_duplicate_names() {
        let why = "another archive stands before it, or two of its files have one name";
        return Err(failed(io::Error::other(why)));
    }
    let names = archive.file_names_raw().map(String::from_utf8_lossy);
    let names: Vec<String> = names.map(Cow::into_owned).collect();
    let has = |part| names.iter().any(|name| name == part);
    let is_xlsx = has("[Content_Types].xml") && names.iter().any(|name| name.starts_with("xl/"));
    let is_ods = has("content.xml") && has("META-INF/manifest.xml");
    if is_xlsx || is_ods {
        let format = if is_xlsx { Format::Xlsx } else { Format::Ods };
        check_size(path, &mut archive)?;
        let (copy, sheet) = copy_sheet(path, book, &mut archive, format, wanted)?;
        let opened = read_copy(path, copy)?;
        let sheet = Some((format, sheet));
        return Ok(TextFile { sheet, ..opened });
    }
    if is_inner {
        let what = "is compressed more than once; decompress it, and give the plain file";
        return Err(InputError::about(path, what));
    }
    let is_file = |name: &&String| !name.ends_with('/') && !name.starts_with(MACOS);
    let files: Vec<String> = names.iter().filter(is_file).cloned().collect();
    let index = names.iter().position(|name| is_file(&name));
    let (Some(index), [only]) = (index, files.as_slice()) else {
        let (count, names) = (files.len(), listed(&files));
        let what = format!(
            "is a ZIP archive of {count} files; unpack it, and give the one with the ids (files: {names})"
        );
        return Err(InputError::about(path, &what));
    };
    let entry = archive.by_index(index).map_err(zipped)?;
    let mut copy = tempfile::tempfile().map_err(failed)?;
    let mut entry = Capped::new(entry, Some(Compression::Zip), size);
    io::copy(&mut entry, &mut copy)
        .and_then(|_| copy.rewind())
        .map_err(failed)?;
    if is_archive(&copy).map_err(failed)? {
        return open_archive(path, copy, wanted, true);
    }
    let opened = read_copy(path, copy)?;
    Ok(TextFile {
        name: PathBuf::from(only),
        compression: Some(Compression::Zip),
        ..opened
    })
}

/// Unpacks a whole workbook and keeps nothing of it: what its directory says of sizes may be false. Its
/// check sums are compared on the way.
fn check_size(path: &Path, archive: &mut ZipArchive<BufReader<File>>) -> Result<(), InputError> {
    let failed = |source| unreadable(path, source);
    let mut left = WORKBOOK_BYTES_MAX;
    for place in 0..archive.len() {
        let part = archive.by_index(place);
        let part = part.map_err(|error| failed(error.into()))?;
        let size = io::copy(&mut part.take(left + 1), &mut io::sink()).map_err(failed)?;
        left = left.checked_sub(size).ok_or_else(|| {
            let what = format!(
                "is a spreadsheet that unfolds to more than {WORKBOOK_BYTES_MAX} bytes, the most that is read; save the sheet as CSV"
            );
            InputError::about(path, &what)
        })?;
    }
    // A workbook of Excel's has no such part.
    check_span(archive).map_err(failed)
}

/// The error while an archive was read or copied.
pub(super) fn unreadable(path: &Path, source: io::Error) -> InputError {
    let source = match source.downcast::<Refused>() {
        Ok(refused) => return InputError::of_reading(path, 1, io::Error::other(refused)),
        Err(source) => source,
    };
    let mend = match source.raw_os_error() {
        Some(_) => "check the free space in the temporary folder (`TMPDIR`)",
        None => {
            "it is damaged, cut short, locked with a password or of another kind; fetch it again, or save it as CSV"
        }
    };
    let message = format!("could not unpack `{}`: {mend}", path.display());
    InputError::of_system(path, message, source)
}
