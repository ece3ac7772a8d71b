//! The growth as a picture: time and memory against rows, both axes by powers of ten.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use super::files::Kind;
use super::{Measured, Reader};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
/// Where the axes of a panel begin and end.
const LEFT: f64 = 52.0;
const TOP: f64 = 34.0;
const PANEL_WIDTH: f64 = 270.0;
const PANEL_HEIGHT: f64 = 200.0;
/// From one panel to the next.
const STEP: f64 = 350.0;

/// The lines: whose they are, how they are called, their colour and their dashes. Colours are told
/// apart by people who see fewer of them (Okabe and Ito), and on light and dark ground.
const LINES: [(Kind, bool, &str, &str, &str); 5] = [
    (Kind::Numbers, true, "bare csv loop", "#888888", "3 3"),
    (Kind::Numbers, false, "plan, numbers", "#0072B2", "none"),
    (Kind::Texts, false, "plan, texts", "#E69F00", "8 3"),
    (Kind::Json, false, "plan, JSON Lines", "#009E73", "2 2"),
    (Kind::Ledger, false, "status", "#CC79A7", "10 3 2 3"),
];

/// Draws the chart of `all` at `path`.
pub(crate) fn draw(all: &[Measured], path: &Path) -> io::Result<()> {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"11\" fill=\"#808080\">\n\
         <title>Time and memory of reading, from a thousand to ten million rows</title>\n"
    );
    let secs = |it: &Measured| Some(it.took.secs);
    panel(
        &mut svg,
        0.0,
        ("seconds", (-3, 2), &seconds_label),
        all,
        secs,
    );
    #[expect(clippy::cast_precision_loss, reason = "a picture is not so exact")]
    let memory = |it: &Measured| it.took.resident_bytes.map(|bytes| bytes as f64 / 1e6);
    panel(
        &mut svg,
        STEP,
        ("megabytes resident", (0, 3), &plain_label),
        all,
        memory,
    );
    for (place, (_, _, name, colour, dashes)) in (0..).zip(LINES) {
        let x = LEFT + 133.0 * f64::from(place);
        let y = HEIGHT - 14.0;
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

/// What a panel's upright axis shows: its title, its powers of ten, and how one is written.
type Upright<'a> = (&'a str, (i32, i32), &'a dyn Fn(i32) -> String);

/// One panel, `shift` to the right.
fn panel(
    svg: &mut String,
    shift: f64,
    (title, (low, high), label): Upright<'_>,
    all: &[Measured],
    value: impl Fn(&Measured) -> Option<f64>,
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
    for (kind, is_bare, _, colour, dashes) in LINES {
        let mut points = String::new();
        for it in all {
            let of_line =
                it.kind == kind && matches!(it.reader, Reader::Bare("bare-csv")) == is_bare;
            let others = matches!(it.reader, Reader::Bare(_)) && !is_bare;
            if let (true, false, Some(value)) = (of_line, others, value(it)) {
                #[expect(clippy::cast_precision_loss, reason = "ten million at most")]
                let rows = it.rows as f64;
                let _ = write!(points, "{:.1},{:.1} ", x(rows), y(value));
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
