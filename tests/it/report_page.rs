//! The page of `report --format html`, opened in Chromium from the disk: what stands in it is what
//! ledger and sandbox say, in light and dark, on a phone and on paper, and it asks for nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use crate::support::World;
use crate::support::browser::Scheme;
use crate::support::usual::LEDGER;

const SCRIPT: &str = "<script>alert(1)</script>";

/// A run in which rows ended in seven ways and that was asked to wait, the retry of what it refused, and a verification.
fn world() -> World {
    let world = World::new();
    let soft_deleted = |id: u32| json!({"id": id.to_string(), "state": "soft-deleted"});
    let mut users: Vec<_> = (1..=8).map(soft_deleted).collect();
    users.push(soft_deleted(9));
    users.push(json!({"id": "20", "open_tickets": 1}));
    users.push(json!({"id": "21", "role": "agent"}));
    users.push(json!({"id": "22", "open_tickets": 1}));
    world.seed(json!({"zendesk": users}));
    world.settings(json!({"faults": "throttle=40%,seed=1", "scale_limits": 1_000.0}));
    let mut text = String::from("id,account,action,ref\n");
    for id in 1..=8 {
        writeln!(text, "{id},acme,permanently-delete,REQ-{id}").unwrap();
    }
    write!(
        text,
        "20,acme,delete,{SCRIPT}\n21,acme,delete,T\nshop/{SCRIPT},chat,delete,T\n\
         5.54E+17,crm,delete,T\n1,acme,permanently-delete,again\n9,acme,delete,T\n\
         22,acme,delete,T\n"
    )
    .unwrap();
    world.write("users.csv", text);
    world.call(&["run", "users.csv", "--yes"]).code(1);
    world.settings(json!({"faults": ""}));
    world.seed(json!({"zendesk": [{"id": "20"}]}));
    let retry = ["retry", LEDGER, "--only", "refused", "--yes"];
    world.call(&retry).code(1);
    world.call(&["verify", LEDGER]);
    // The page is the default, and the newest ledger.
    world.call(&["report"]).code(0).says(LEDGER);
    world
}

/// What is read of an element: its words.
fn words(html: &str) -> String {
    let parts = html
        .split('<')
        .map(|part| part.split_once('>').map_or(part, |(_, words)| words));
    let text = parts.collect::<Vec<_>>().join(" ");
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The inside of each element of that name; they do not nest.
fn elements<'d>(dom: &'d str, name: &str) -> Vec<&'d str> {
    let begins = |rest: &str| rest.starts_with([' ', '>']);
    let tag = format!("<{name}");
    let parts = dom.split(tag.as_str()).skip(1).filter(|rest| begins(rest));
    parts
        .map(|rest| rest.split(&format!("</{name}>")).next().unwrap())
        .collect()
}

/// The rows of the table with this caption, cell by cell.
fn table(dom: &str, caption: &str) -> Vec<Vec<String>> {
    let table = elements(dom, "table")
        .into_iter()
        .find(|table| words(elements(table, "caption")[0]) == caption)
        .unwrap_or_else(|| panic!("there is no table `{caption}`"));
    let cells = |row: &&str| {
        let row = row
            .replace("<th ", "<td ")
            .replace("<th>", "<td>")
            .replace("</th>", "</td>");
        elements(&row, "td")
            .into_iter()
            .map(|cell| words(&format!("<{cell}")))
            .collect()
    };
    elements(table, "tr").iter().map(cells).collect()
}

fn number(text: &str) -> u64 {
    text.replace(',', "").parse().unwrap()
}

#[test]
fn a_page_says_what_the_ledger_says_and_asks_for_nothing() {
    let world = world();
    let page = world.path("users.csv.report.html");
    let seen = world.open(&page, 1200, Scheme::Light);
    let dom = &seen.dom;
    assert_eq!(seen.console, [""; 0], "nothing was refused");

    // The counts are the ledger's, and add up.
    let status = world.status(LEDGER);
    let rows = table(dom, "How many rows ended how");
    let (sum, rows) = rows[1..].split_last().unwrap();
    let mut told = BTreeMap::new();
    for row in rows {
        told.insert(row[0].as_str(), number(&row[2]));
    }
    for (outcome, rows) in status["outcomes"].as_object().unwrap() {
        let rows = rows.as_u64().unwrap();
        assert_eq!(
            told.get(outcome.as_str()).copied().unwrap_or(0),
            rows,
            "{outcome}"
        );
    }
    assert_eq!(told.len(), 7, "{told:?}");
    assert_eq!(number(&sum[2]), 15);
    assert_eq!(told.values().sum::<u64>(), 15);
    assert_eq!(sum[1], "as many as the input has");

    // Those by account have the same sums.
    let accounts = table(dom, "Outcomes by account");
    let (sums, accounts) = accounts[1..].split_last().unwrap();
    for column in 1..sums.len() {
        let of_accounts: u64 = accounts.iter().map(|row| number(&row[column])).sum();
        assert_eq!(of_accounts, number(&sums[column]), "column {column}");
    }
    assert_eq!(number(sums.last().unwrap()), 15);

    // So has the last point of the progress.
    let progress = table(dom, "Rows that had ended");
    let last = progress.last().unwrap();
    let counted: u64 = last[1..4].iter().map(|cell| number(cell)).sum();
    assert_eq!((counted, last[4].as_str()), (15, "100.00%"));
    let pauses = table(dom, "When a server asked to wait");
    let waited = |row: &Vec<String>| row[4] == "acme, permanently-delete";
    assert!(pauses[1..].iter().any(waited), "{pauses:?}");
    let sessions = table(dom, "Sessions");
    let commands: Vec<_> = sessions[1..].iter().map(|row| row[1].as_str()).collect();
    assert_eq!(commands, ["run", "retry --only refused", "verify"]);
    // The run set out for the rows that its plan sends, and not for all of the input.
    let ledger = world.ledger(LEDGER);
    let unsent = ledger.iter().filter(|it| it["kind"] == "unsent");
    let unsent = unsent.map(|it| it["rows"].as_array().unwrap().len() as u64);
    let set_out: Vec<_> = sessions[1..].iter().map(|row| number(&row[5])).collect();
    assert_eq!(set_out, [15 - unsent.sum::<u64>(), 2, 10]);

    // What came from outside is text.
    assert!(!dom.contains("<script"), "{dom}");
    assert!(words(dom).contains(&format!("shop/{SCRIPT}")));
    for evidence in [
        status["head"].as_str().unwrap(),
        status["run_id"].as_str().unwrap(),
    ] {
        assert!(dom.contains(evidence));
    }

    // On paper.
    assert!(seen.pdf.starts_with(b"%PDF"));
    assert!(seen.pdf.len() > 20_000, "{} bytes", seen.pdf.len());
    assert_eq!(seen.first_pixel().0, (1200, 1000));
    let light = seen.first_pixel().1;
    assert!(light.iter().all(|colour| *colour > 200), "{light:?}");
    let dark = world.open(&page, 1200, Scheme::Dark).first_pixel().1;
    assert!(dark.iter().all(|colour| *colour < 60), "{dark:?}");

    a_screen_reader_gets_tables(dom);
}

/// Every table says what it is of and what its columns and rows are, and every chart has words.
fn a_screen_reader_gets_tables(dom: &str) {
    let tables = elements(dom, "table");
    assert!(tables.len() > 8);
    for table in tables {
        assert!(!words(elements(table, "caption")[0]).is_empty(), "{table}");
        let heads = elements(table, "th");
        assert!(
            heads
                .iter()
                .all(|it| it.contains("scope=\"col\"") || it.contains("scope=\"row\"")),
            "{table}"
        );
    }
    let charts: Vec<&str> = dom
        .match_indices("role=\"img\"")
        .map(|(at, _)| &dom[at..])
        .collect();
    assert_eq!(charts.len(), 3);
    for chart in charts {
        for name in ["title", "desc"] {
            let words = words(&format!("<{}", elements(chart, name)[0]));
            assert!(words.len() > 10, "{words}");
        }
    }
    assert!(dom.contains("<html lang=\"en\">"));
}

/// How many pages a PDF has.
fn pages(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    text.matches("/Type /Page").count() - text.matches("/Type /Pages").count()
}

/// Twenty thousand rows of two accounts, with references and a handful of reasons, lie on a desk as four sheets.
#[test]
fn twenty_thousand_rows_are_four_pages_on_paper() {
    let world = World::new();
    world.wide();
    world.zendesk_users(1..=12_000);
    let mut text = String::from("id,account,action,ref\n");
    for row in 1..=20_000 {
        let row_of = |id: &str, account: &str| format!("{id},{account},delete,REQ-{}\n", row % 200);
        text += &match row {
            ..=12_000 => row_of(&row.to_string(), "acme"),
            _ if row % 11 == 0 => row_of("", "acme"),
            _ if row % 7 == 0 => row_of("x", "acme"),
            _ if row % 5 == 0 => row_of("5.54E+17", "crm"),
            _ if row % 3 == 0 => row_of("7", "nobody"),
            _ if row % 2 == 0 => row_of("1", "acme"),
            _ => row_of("12", "crm"),
        };
    }
    world.write("users.csv", text);
    world.call(&["run", "users.csv", "--yes"]).code(1);
    world.call(&["report"]).code(0);
    let page = world.path("users.csv.report.html");
    let seen = world.open(&page, 1200, Scheme::Light);
    assert_eq!(seen.console, [""; 0]);
    let pages = pages(&seen.pdf);
    assert!((2..=4).contains(&pages), "{pages} pages");
    let run = world.status(LEDGER)["run_id"].as_str().unwrap().to_owned();
    let page = world.read("users.csv.report.html");
    assert!(page.contains(&format!("content: \"userpurge run {run}\"")));
    assert!(page.contains("counter(page)") && page.contains("counter(pages)"));
}

/// The lines of hatched and dotted bars are seen on what lies below them, by WCAG's rule for graphics: 3 to 1.
#[test]
fn patterns_are_seen_in_light_and_in_dark() {
    let world = world();
    let page = world.read("users.csv.report.html");
    for scheme in page.split(":root {").skip(1).take(2) {
        let colour = |name: &str| {
            let value = scheme.split(&format!("--{name}: #")).nth(1);
            let hex = &value.unwrap_or_else(|| panic!("no {name}: {scheme}"))[..6];
            let light = |from: usize| {
                let part = f64::from(u8::from_str_radix(&hex[from..from + 2], 16).unwrap()) / 255.0;
                if part <= 0.040_45 {
                    part / 12.92
                } else {
                    ((part + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * light(0) + 0.7152 * light(2) + 0.0722 * light(4)
        };
        for (line, ground) in [
            ("bad", "bad-soft"),
            ("dup", "dup-soft"),
            ("pause", "paper"),
            ("good", "paper"),
            ("bad", "paper"),
        ] {
            let (one, other) = (colour(line), colour(ground));
            let ratio = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(ratio >= 3.0, "{line} on {ground}: {ratio:.2}");
        }
    }
}

/// That the browser was silent means something only if it would have spoken.
#[test]
fn the_browser_would_refuse_whatever_the_page_asked_for() {
    let world = world();
    let page = world.read("users.csv.report.html");
    let asking = page.replace(
        "<main>",
        "<main><img src=\"http://127.0.0.1:9/x.png\"><script>document.title = 'ran'</script>",
    );
    let seen = world.open(&world.write("asking.html", asking), 1200, Scheme::Light);
    assert!(seen.console.len() >= 2, "{:?}", seen.console);
    assert!(!seen.dom.contains("<title>ran</title>"));
}

/// What `told` makes of the page's document in a frame that is `width` pixels wide.
fn in_a_frame(world: &World, width: u32, told: &str) -> String {
    let page = world.read("users.csv.report.html");
    let quoted = page.replace('&', "&amp;").replace('"', "&quot;");
    let frame = format!(
        "<!doctype html><title>?</title><iframe width=\"{width}\" height=\"900\" style=\"border: 0\" \
         srcdoc=\"{quoted}\" onload=\"const page = this.contentDocument; document.title = {told}\"></iframe>"
    );
    let seen = world.open(&world.write("frame.html", frame), 1200, Scheme::Light);
    words(&format!("<{}", elements(&seen.dom, "title")[0]))
}

/// How wide what `element` holds is, and how much of it is seen.
fn widths(world: &World, width: u32, element: &str) -> (u64, u64) {
    let told = format!("{element}.scrollWidth + ' of ' + {element}.clientWidth");
    let title = in_a_frame(world, width, &told);
    let (wide, room) = title
        .split_once(" of ")
        .unwrap_or_else(|| panic!("{title}"));
    (number(wide), number(room))
}

#[test]
fn a_page_fits_a_phone_and_its_commands_are_copied_as_they_are_typed() {
    let world = world();
    let (wide, room) = widths(&world, 400, "page.documentElement");
    assert_eq!((wide, room), (400, 400), "it need not be moved sideways");

    let (wide, room) = widths(&world, 390, "page.querySelector('.beside .scroll')");
    assert!(wide <= room, "the last column is whole: {wide} of {room}");

    // Lines end within a command, and nothing of that gets into what is copied.
    let commands =
        "Array.from(page.querySelectorAll('code.command'), it => it.innerText).join('|')";
    let copied = in_a_frame(&world, 400, commands);
    let head = world.status(LEDGER)["head"].as_str().unwrap().to_owned();
    let input = world.path("users.csv");
    for command in [
        format!("userpurge retry {LEDGER} --only refused"),
        format!("userpurge audit {LEDGER} --head {head}"),
        format!("sha256sum {}", input.display()),
        format!("userpurge verify {LEDGER}"),
    ] {
        assert!(
            copied.split('|').any(|it| it == command),
            "{command}: {copied}"
        );
    }
}

#[test]
fn seven_outcomes_have_room_in_a_window_of_1000_pixels() {
    let world = world();
    let counts = "page.querySelector('.counts')";
    let (wide, room) = widths(&world, 1_000, counts);
    assert!(wide <= room, "{wide} of {room}");
    let (wide, room) = widths(&world, 400, counts);
    assert!(wide > room, "on a phone it is moved in its box");
}
