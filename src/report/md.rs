//! A report for tickets: Markdown that GitHub, GitLab and Jira take when it is pasted. It is the page
//! without its charts, read back element by element, so that the two say the same.
//!
//! **Invariant**: text that came from outside stands in code spans, in which nothing is a link, a
//! mention, a picture or a tag. In a table it ends no cell. The page has it in `bdi` or `code`.

use super::Report;
use super::html::page;
use crate::domain::escape_controls;
use crate::words::{count, cut};

/// How many rows of a table are told.
const ROWS_MAX: usize = 60;

/// How many characters of a text from outside are told.
const CHARS_MAX: usize = 160;

/// The report as Markdown.
pub fn render(report: &Report) -> String {
    let page = page::part(report, true, 0);
    let file = span(page::file_name(&report.input.file.path));
    let more = match report.runs.len() {
        0 => String::new(),
        runs => format!(" and {}", count(runs as u64 - 1, "more input")),
    };
    let mut lines = vec![format!(
        "# Report of {file}{more}: {}",
        page::verdict(report)
    )];
    block(&mut lines, &parse(&page));
    lines.push(String::new());
    lines.join("\n")
}

/// An element of the page, or a text in one: that has no tag.
#[derive(Debug, Default)]
struct Element<'p> {
    tag: &'p str,
    class: &'p str,
    text: String,
    children: Vec<Self>,
}

impl Element<'_> {
    fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(|child| !child.tag.is_empty())
    }

    fn text(&self) -> String {
        let texts = self.children.iter().map(Self::text);
        self.text.clone() + &texts.collect::<String>()
    }
}

/// The body of a page. It is the template's: every tag is closed but those that hold nothing, and no
/// text or value has a bare `<` or `>`.
fn parse(page: &str) -> Element<'_> {
    let body = page.split_once("<body>").map_or(page, |(_, body)| body);
    let mut open = vec![Element::default()];
    for part in body.split('<') {
        let (tag, text) = part.split_once('>').unwrap_or(("", part));
        let name = tag.split([' ', '/']).next().unwrap_or("");
        if tag.starts_with('/') {
            close(&mut open);
        } else if !name.is_empty() {
            let class = tag.split_once("class=\"").map_or("", |(_, rest)| rest);
            let class = class.split('"').next().unwrap_or("");
            open.push(Element {
                tag: name,
                class,
                ..Element::default()
            });
            if tag.ends_with('/') || matches!(name, "br" | "wbr") {
                close(&mut open);
            }
        }
        if let Some(inner) = open.last_mut() {
            inner.children.push(Element {
                text: unescaped(text),
                ..Element::default()
            });
        }
    }
    while open.len() > 1 {
        close(&mut open);
    }
    open.pop().unwrap_or_default()
}

/// Puts the innermost open element into the one around it.
fn close(open: &mut Vec<Element<'_>>) {
    if open.len() > 1
        && let Some(inner) = open.pop()
        && let Some(outer) = open.last_mut()
    {
        outer.children.push(inner);
    }
}

/// A text as it was before the template escaped it.
fn unescaped(text: &str) -> String {
    // The ampersand comes last: what it makes is no escape.
    let escapes = [
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#38;", "&"),
    ];
    let plain = |text: String, (escape, plain): (&str, &str)| text.replace(escape, plain);
    escapes.into_iter().fold(text.to_owned(), plain)
}

/// Adds what stands on lines of its own.
fn block(lines: &mut Vec<String>, element: &Element<'_>) {
    let mut add = |text: String| {
        lines.push(String::new());
        lines.push(text);
    };
    match (element.tag, element.class) {
        // Charts, with the tables that have their numbers; and what the first line has said.
        ("figure" | "svg" | "h1", _) | (_, "over" | "file") => {}
        ("h2", _) => add(format!("## {}", inline(element))),
        ("h3", _) => add(format!("### {}", inline(element))),
        ("p" | "li" | "summary" | "footer", _) => {
            add(inline(element));
            // A command is a block of code of one line.
            for it in element.elements().filter(|it| it.class == "command") {
                add(format!("    {}", escape_controls(&it.text())));
            }
        }
        ("dl", _) => {
            let facts = element.elements().map(|fact| {
                let mut parts = fact.elements().map(inline);
                let name = parts.next().unwrap_or_default();
                vec![name, parts.collect::<Vec<_>>().join("; ")]
            });
            add(table(facts));
        }
        ("table", _) => {
            for caption in element.elements().filter(|it| it.tag == "caption") {
                add(format!("{}:", inline(caption).trim_end_matches('.')));
            }
            add(table(rows(element).into_iter()));
        }
        _ => element.elements().for_each(|it| block(lines, it)),
    }
}

/// The rows of a table, its head first; the sums at its foot are bold.
fn rows(table: &Element<'_>) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for part in table.elements().filter(|it| it.tag != "caption") {
        for row in part.elements().take(ROWS_MAX) {
            let cells = row.elements().map(inline);
            rows.push(match part.tag {
                "tfoot" => cells
                    .map(|cell| format!("**{cell}**").replace("****", ""))
                    .collect(),
                _ => cells.collect(),
            });
        }
        let more = part.elements().skip(ROWS_MAX).count();
        if more > 0 {
            rows.push(vec![format!("and {more} more")]);
        }
    }
    rows
}

/// A table whose first row is its head.
fn table(rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut lines = Vec::new();
    for cells in rows {
        // A bar would begin the next cell. A backslash before it would take the one that keeps it
        // from that.
        let escaped = |cell: &String| cell.replace("\\|", "\\ |").replace('|', "\\|");
        let texts: Vec<_> = cells.iter().map(escaped).collect();
        lines.push(format!("| {} |", texts.join(" | ")));
        if lines.len() == 1 {
            lines.push(format!("|{}", " --- |".repeat(cells.len())));
        }
    }
    lines.join("\n")
}

/// The text in an element, on one line.
fn inline(element: &Element<'_>) -> String {
    let mut text = String::new();
    for it in &element.children {
        match (it.tag, it.class) {
            // The template's line ends are no words.
            ("", _) => it.text.chars().for_each(|c| match c.is_whitespace() {
                false => text.push(c),
                true if text.ends_with(' ') => {}
                true => text.push(' '),
            }),
            (_, "sign" | "command") => {}
            ("bdi" | "code", _) => text.push_str(&span(&it.text())),
            ("b", _) | (_, "state good" | "state bad" | "state plain") => {
                text = format!("{text}**{}**", inline(it));
            }
            ("br", _) => text.push_str(", "),
            _ => text.push_str(&inline(it)),
        }
    }
    text.trim().to_owned()
}

/// A text from outside as a code span on one line, cut if it is long.
fn span(text: &str) -> String {
    let plain = |c: char| if c.is_whitespace() { ' ' } else { c };
    let text: String = text.chars().map(plain).collect();
    let text = cut(&escape_controls(&text), CHARS_MAX);
    if text.trim().is_empty() {
        return String::new();
    }
    // A fence that is longer than any run of backticks within.
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let ends = text.starts_with('`') || text.ends_with('`');
    let pad = if ends { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}
