//! The growth as a picture: time and memory against rows, both axes by powers of ten.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use super::files::Kind;
use super::grown::Grown;
use super::{Measured, Reader};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 320.0;
/// Where the axes of a panel begin and end.
const LEFT: f64 = 52.0;
const TOP: f64 = 34.0;
const PANEL_WIDTH: f64 = 270.0;
const PANEL_HEIGHT: f64 = 200.0;
/// From one panel to the next.
const STEP: f64 = 350.0;

/// Whose a line is.
#[derive(Debug, Clone, Copy)]
enum Of {
    Bare(Kind),
    Read(Kind),
    /// By the name that `growth.sh` gives it.
    Run(&'static str),
}

/// The lines: whose they are, how they are called, their colour and their dashes. Colours are told
/// apart by people who see fewer of them (Okabe and Ito), and on light and dark ground.
const LINES: [(Of, &str, &str, &str); 7] = [
    (Of::Run("run"), "run", "#D55E00", "none"),
    (
        Of::Run("bare"),
        "bare loop of requests",
        "#56B4E9",
        "6 2 1 2",
    ),
    (Of::Bare(Kind::Numbers), "bare csv loop", "#888888", "3 3"),
    (Of::Read(Kind::Ledger), "status", "#CC79A7", "10 3 2 3"),
    (Of::Read(Kind::Numbers), "plan, numbers", "#0072B2", "none"),
    (Of::Read(Kind::Texts), "plan, texts", "#E69F00", "8 3"),
    (Of::Read(Kind::Json), "plan, JSON Lines", "#009E73", "2 2"),
];

/// How many lines are named beside each other.
const NAMED_BESIDE: u8 = 4;

/// What one file took.
#[derive(Debug, Clone, Copy)]
struct Point {
    rows: f64,
    secs: f64,
    /// `None`: too short to be seen.
    megabytes: Option<f64>,
}

impl Of {
    /// The line's points, the smallest file first.
    #[expect(clippy::cast_precision_loss, reason = "a picture is not so exact")]
    fn points(self, all: &[Measured], grown: &[Grown]) -> Vec<Point> {
        let read = |it: &Measured| Point {
            rows: it.rows as f64,
            secs: it.took.secs,
            megabytes: it.took.resident_bytes.map(|bytes| bytes as f64 / 1e6),
        };
        let run = |it: &Grown| Point {
            rows: it.rows,
            secs: it.secs,
            megabytes: Some(it.resident_bytes / 1e6),
        };
        let is_bare = |it: &&Measured| matches!(it.reader, Reader::Bare(_));
        match self {
            Self::Bare(kind) => {
                let of_kind = all.iter().filter(|it| it.kind == kind);
                of_kind.filter(is_bare).map(read).collect()
            }
            Self::Read(kind) => {
                let of_kind = all.iter().filter(|it| it.kind == kind);
                let is_read = |it: &&Measured| !is_bare(it) && it.reader != Reader::Save;
                of_kind.filter(is_read).map(read).collect()
            }
            Self::Run(who) => grown.iter().filter(|it| it.who == who).map(run).collect(),
        }
    }
}

/// Draws the chart of `all` and of what `run` took at `path`.
pub(crate) fn draw(all: &[Measured], grown: &[Grown], path: &Path) -> io::Result<()> {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"11\" fill=\"#808080\">\n\
         <title>Time and memory from a thousand to ten million rows</title>\n"
    );
    let lines = LINES.map(|(of, _, colour, dashes)| (of.points(all, grown), colour, dashes));
    let seconds = ("seconds", (-3, 3), &seconds_label as _);
    panel(&mut svg, 0.0, seconds, &lines, |it| Some(it.secs));
    let megabytes = ("megabytes resident", (0, 3), &plain_label as _);
    panel(&mut svg, STEP, megabytes, &lines, |it| it.megabytes);
    for (place, (_, name, colour, dashes)) in (0_u8..).zip(LINES) {
        let x = LEFT + 165.0 * f64::from(place % NAMED_BESIDE);
        let y = HEIGHT - 34.0 + 18.0 * f64::from(place / NAMED_BESIDE);
        let _ = writeln!(
            svg,
            "<path d=\"M{x} {y}h22\" stroke=\"{colour}\" stroke-width=\"2\" \
             stroke-dasharray=\"{dashes}\"/><text x=\"{}\" y=\"{}\">{name}</text>",
            x + 27.0,
            y + 4.0
        );
    }
    svg.push_str("</svg>\n");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create(path)?.write_all(svg.as_bytes())
}

/// A line as it is drawn: its points, its colour and its dashes.
type Line = (Vec<Point>, &'static str, &'static str);

/// What a panel's upright axis shows: its title, its powers of ten, and how one is written.
type Upright<'a> = (&'a str, (i32, i32), &'a dyn Fn(i32) -> String);

/// One panel, `shift` to the right.
fn panel(
    svg: &mut String,
    shift: f64,
    (title, (low, high), label): Upright<'_>,
    lines: &[Line],
    value: impl Fn(&Point) -> Option<f64>,
) {
    let x = |rows: f64| shift + LEFT + (rows.log10() - 3.0) / 4.0 * PANEL_WIDTH;
    let y = |value: f64| {
        let part = (value.log10() - f64::from(low)) / f64::from(high - low);
        TOP + PANEL_HEIGHT * (1.0 - part.clamp(0.0, 1.0))
    };
    let _ = writeln!(svg, "<text x=\"{}\" y=\"16\">{title}</text>", shift + LEFT);
    for power in low..=high {
        let at = y(10_f64.powi(power));
        let _ = writeln!(
            svg,
            "<path d=\"M{} {at:.1}h{PANEL_WIDTH}\" stroke=\"#808080\" stroke-opacity=\"0.3\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            shift + LEFT,
            shift + LEFT - 6.0,
            at + 4.0,
            label(power)
        );
    }
    for (rows, label) in [
        (1e3, "10³"),
        (1e4, "10⁴"),
        (1e5, "10⁵"),
        (1e6, "10⁶"),
        (1e7, "10⁷ rows"),
    ] {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
            x(rows),
            TOP + PANEL_HEIGHT + 18.0
        );
    }
    for (line, colour, dashes) in lines {
        let mut points = String::new();
        for point in line {
            if let Some(value) = value(point) {
                let _ = write!(points, "{:.1},{:.1} ", x(point.rows), y(value));
            }
        }
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" \
             stroke-dasharray=\"{dashes}\"/>",
            points.trim_end()
        );
    }
}

fn seconds_label(power: i32) -> String {
    match power {
        -3 => "1 ms".to_owned(),
        -2 => "10 ms".to_owned(),
        -1 => "100 ms".to_owned(),
        _ => format!("{} s", plain_label(power)),
    }
}

fn plain_label(power: i32) -> String {
    format!("{}", 10_f64.powi(power))
}
