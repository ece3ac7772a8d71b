//! The picture in the README: a run as it stands on a terminal. `make picture` draws it anew.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::World;

/// Where it lies.
const PICTURE: &str = "fixtures/run.svg";

/// How wide the terminal is.
const COLUMNS: u16 = 104;

/// A character's width and a line's height, in the picture's units.
const CELL: (f64, f64) = (8.4, 18.0);

/// Three accounts with enough rows that all are at work when the first has to wait.
fn world() -> World {
    let world = World::new();
    world.wide();
    let (support, chat, crm) = (
        (0..300).map(|n| format!("{}", 361_808_351_000_u64 + n)),
        (0..400).map(|n| format!("5fa1c0d619a30a2e{n:08x}")),
        (0..200).map(|n| format!("{}", 5_725_767_000_000_411_100_u64 + n)),
    );
    let of = |ids: &[String]| -> Vec<Value> { ids.iter().map(|id| json!({"id": id})).collect() };
    let support: Vec<_> = support.collect();
    let (chat, crm): (Vec<_>, Vec<_>) = (chat.collect(), crm.collect());
    let soft: Vec<_> = support
        .iter()
        .map(|id| json!({"id": id, "state": "soft-deleted"}))
        .collect();
    world.seed(json!({"zendesk": soft, "sunco": of(&chat), "zoho": of(&crm)}));
    let rows = |ids: &[String], rest: &str| {
        ids.iter().fold(String::new(), |mut text, id| {
            writeln!(text, "{id},{rest}").unwrap();
            text
        })
    };
    let text = [
        "id,account,action\n".to_owned(),
        rows(&support, "acme,permanently-delete"),
        rows(&chat, "chat,delete"),
        rows(&crm, "crm,delete"),
        "5.54E+17,crm,delete\n".to_owned(),
    ];
    world.write("users.csv", text.concat());
    let config = world.path("userpurge.toml");
    std::fs::set_permissions(config, std::fs::Permissions::from_mode(0o600)).unwrap();
    world.settings(json!({
        "latency": "400ms",
        "zendesk": {"quota": "100000/1m", "permanent_quota": "120/60s"},
    }));
    world
}

#[test]
fn the_picture_is_of_a_real_run_and_has_all_that_stood_on_the_terminal() {
    let world = world();
    let terminal = world.terminal_of((COLUMNS, 48), "");
    terminal.types("userpurge run users.csv --yes");
    terminal.until("one account waits and the others work", |screen| {
        screen.contains("paused 5") && screen.contains("/min") && screen.contains("ends about")
    });
    let screen = terminal.coloured();
    terminal.key("C-c");
    terminal.until("it has said how it ended", |screen| {
        screen.contains("next         userpurge resume")
    });
    let picture = svg(&screen);
    let weighty = ">cannot\u{a0}be\u{a0}undone<";
    assert_eq!(
        picture.matches(weighty).count(),
        3,
        "weight is lost where a line ends"
    );
    assert!(picture.contains("paused\u{a0}") && picture.contains("ends\u{a0}about"));
    if std::env::var_os("DRAW").is_some() {
        draw(&picture);
    }
    let drawn = std::fs::read_to_string(format!("{}/{PICTURE}", env!("CARGO_MANIFEST_DIR")));
    let drawn = drawn.unwrap();
    assert_eq!(above(&drawn), above(&picture), "it is old: make picture");
}

/// What a picture says above its bars, without numbers, of which some differ from run to run.
fn above(picture: &str) -> String {
    let (above, _) = picture.split_once("acme\u{a0}[").unwrap();
    let texts = above.split("</text>").filter_map(|it| it.rsplit_once('>'));
    let words = texts.map(|(_, text)| text.replace(|c: char| c.is_ascii_digit(), ""));
    words.collect::<Vec<_>>().join("\n")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a picture that is drawn anew needs no atomic write"
)]
fn draw(picture: &str) {
    let path = format!("{}/{PICTURE}", env!("CARGO_MANIFEST_DIR"));
    std::fs::write(path, picture).unwrap();
}

/// A screen with its colours as a picture.
#[expect(clippy::cast_precision_loss, reason = "a screen is small")]
fn svg(screen: &str) -> String {
    let lines: Vec<_> = screen.trim_end().lines().collect();
    let (width, height) = (
        f64::from(COLUMNS) * CELL.0 + 24.0,
        lines.len() as f64 * CELL.1 + 24.0,
    );
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         role=\"img\" aria-label=\"A run on a terminal\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#1c1f26\"/>\n\
         <g font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" \
         font-size=\"14\" fill=\"#d7dae0\">\n"
    );
    let mut colour = None;
    for (number, line) in lines.into_iter().enumerate() {
        let y = (number as f64 + 1.0) * CELL.1 + 6.0;
        let mut column = 0;
        for (said, piece) in pieces(line, &mut colour) {
            if !piece.trim().is_empty() {
                let fill = said.map_or(String::new(), |fill| format!(" fill=\"{fill}\""));
                let x = f64::from(column) * CELL.0 + 12.0;
                let length = f64::from(width_of(&piece)) * CELL.0;
                let piece = piece.replace('&', "&amp;").replace('<', "&lt;");
                // Blanks at the edges and side by side would not be drawn.
                let piece = piece.replace(' ', "\u{a0}");
                writeln!(
                    text,
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{length:.1}\"{fill}>{piece}</text>"
                )
                .unwrap();
            }
            column += width_of(&piece);
        }
    }
    text.push_str("</g>\n</svg>\n");
    text
}

fn width_of(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap()
}

/// The pieces of a line with their colours. `colour` goes on from line to line.
fn pieces(line: &str, colour: &mut Option<&'static str>) -> Vec<(Option<&'static str>, String)> {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    let mut pieces = vec![(*colour, first)];
    for part in parts {
        let (codes, rest) = part.strip_prefix('[').unwrap().split_once('m').unwrap();
        for code in codes.split(';') {
            match code {
                "31" => *colour = Some("#ff7b72"),
                "33" => *colour = Some("#e3b341"),
                "36" => *colour = Some("#56d4dd"),
                "" | "0" | "39" => *colour = None,
                _ => {}
            }
        }
        pieces.push((*colour, rest.to_owned()));
    }
    pieces
}
