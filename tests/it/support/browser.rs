//! Chromium without a screen: what a page becomes in it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::World;

/// What Chromium goes by, where it is installed.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Whether the reader's screen is light or dark.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

/// What was seen of a page.
pub(crate) struct Seen {
    /// The page as the browser understood it.
    pub(crate) dom: String,
    /// What the browser had to say about it, a line each.
    pub(crate) console: Vec<String>,
    /// A PNG picture.
    pub(crate) picture: Vec<u8>,
    /// The page on paper.
    pub(crate) pdf: Vec<u8>,
}

/// Where Chromium is: `$CHROMIUM`, or under one of its names on the path.
fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return named.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|program| program.is_file())
        .expect("this test needs Chromium: `make browser` installs it, or CHROMIUM names it")
}

impl World {
    /// Opens a page from the disk, `width` pixels wide.
    pub(crate) fn open(&self, page: &Path, width: u32, scheme: Scheme) -> Seen {
        let home = tempfile::tempdir().unwrap();
        let file = |name: &str| home.path().join(name);
        let scheme = match scheme {
            Scheme::Dark => 0,
            Scheme::Light => 1,
        };
        let child = Command::new(program())
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args(["--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync"])
            // Nothing leaves this machine, whatever the browser itself would like to know.
            .arg("--host-resolver-rules=MAP * ~NOTFOUND")
            .args(["--enable-logging=stderr", "--hide-scrollbars", "--dump-dom"])
            .arg(format!("--user-data-dir={}", file("profile").display()))
            .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
            .arg(format!("--window-size={width},1000"))
            .arg(format!("--screenshot={}", file("page.png").display()))
            .arg(format!("--print-to-pdf={}", file("page.pdf").display()))
            .arg(format!("file://{}", page.display()))
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("this test needs Chromium: `make browser` installs it, or CHROMIUM names it");
        let done = self.finish(child).code(0);
        let said = done.err.lines().filter(|line| line.contains("CONSOLE"));
        Seen {
            console: said.map(str::to_owned).collect(),
            dom: done.out,
            picture: fs::read(file("page.png")).unwrap(),
            pdf: fs::read(file("page.pdf")).unwrap(),
        }
    }
}

impl Seen {
    /// Width and height of the picture, and the colour of its first pixel.
    pub(crate) fn first_pixel(&self) -> ((u32, u32), [u8; 3]) {
        let number = |at: usize| u32::from_be_bytes(self.picture[at..at + 4].try_into().unwrap());
        assert_eq!(&self.picture[1..4], b"PNG");
        let size = (number(16), number(20));
        assert_eq!(self.picture[24], 8, "a byte for each colour");
        let mut packed = Vec::new();
        let mut at = 8;
        while at + 8 < self.picture.len() {
            let len = number(at) as usize;
            if &self.picture[at + 4..at + 8] == b"IDAT" {
                packed.extend_from_slice(&self.picture[at + 8..at + 8 + len]);
            }
            at += len + 12;
        }
        // A filter's number, and the first pixel, which no filter changes: nothing is before it.
        let mut first = [0; 4];
        flate2::read::ZlibDecoder::new(packed.as_slice())
            .read_exact(&mut first)
            .unwrap();
        (size, [first[1], first[2], first[3]])
    }
}
