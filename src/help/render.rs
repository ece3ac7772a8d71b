//! Markdown as a terminal shows it, and as a man page: headings, paragraphs, lists, code and tables.

use std::fmt::Write as _;

use crate::words::fold;

/// The narrowest a table's column gets, in characters.
const COLUMN_MIN: usize = 10;

/// How far code and tables are indented.
const INDENT: &str = "  ";

/// How wide code and tables are in a man page.
const MAN_COLUMNS: usize = 72;

/// A part of a topic.
enum Block<'t> {
    /// A heading, and whether it is the topic's own.
    Heading(&'t str, bool),
    Paragraph(&'t str),
    Item(&'t str),
    Code(Vec<&'t str>),
    /// Rows of cells; the first row names the columns.
    Table(Vec<Vec<&'t str>>),
}

/// The cells of a table's line.
fn row(line: &str) -> Vec<&str> {
    let line = line.trim_matches('|');
    line.split('|').map(str::trim).collect()
}

/// Takes a topic apart.
fn blocks(markdown: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        let block = if let Some(heading) = line.strip_prefix("# ") {
            Block::Heading(heading, true)
        } else if let Some(heading) = line.strip_prefix("## ") {
            Block::Heading(heading, false)
        } else if line.starts_with("```") {
            Block::Code(lines.by_ref().take_while(|it| *it != "```").collect())
        } else if let Some(item) = line.strip_prefix("- ") {
            Block::Item(item)
        } else if line.starts_with('|') {
            // The row after the first one draws a line below it.
            let rest = lines.by_ref().take_while(|it| it.starts_with('|')).skip(1);
            Block::Table([row(line)].into_iter().chain(rest.map(row)).collect())
        } else if line.is_empty() {
            continue;
        } else {
            Block::Paragraph(line)
        };
        blocks.push(block);
    }
    blocks
}

/// A topic for a page of so many `columns`.
pub fn text(markdown: &str, columns: usize) -> String {
    let mut text = String::new();
    let mut was_item = false;
    for block in blocks(markdown) {
        let is_item = matches!(block, Block::Item(_));
        if !(text.is_empty() || is_item && was_item) {
            text.push('\n');
        }
        was_item = is_item;
        match block {
            Block::Heading(heading, _) => text.push_str(heading),
            Block::Paragraph(line) => text.push_str(&fold(line, 0, columns)),
            Block::Item(item) => text.push_str(&fold(&format!("- {item}"), 2, columns)),
            Block::Code(lines) => text.push_str(&indented(&lines.join("\n"))),
            Block::Table(rows) => text.push_str(&indented(&table(&rows, columns - INDENT.len()))),
        }
        text.push('\n');
    }
    text
}

/// A topic as the man page `userpurge-NAME` in a `section` of the manual.
pub fn roff(name: &str, section: u8, markdown: &str) -> String {
    let mut page = format!(
        ".TH userpurge-{name} {section} \"\" \"userpurge {}\"\n.SH NAME\n",
        env!("CARGO_PKG_VERSION")
    );
    for block in blocks(markdown) {
        // Writing to a string cannot fail.
        let _ = match block {
            Block::Heading(heading, true) => {
                let about = super::title(heading);
                writeln!(
                    page,
                    "userpurge\\-{name} \\- {}\n.SH DESCRIPTION",
                    escaped(about)
                )
            }
            Block::Heading(heading, false) => {
                writeln!(page, ".SH {}", escaped(&heading.to_uppercase()))
            }
            Block::Paragraph(line) => writeln!(page, ".PP\n{}", escaped(line)),
            Block::Item(item) => writeln!(page, ".IP \\(bu 2\n{}", escaped(item)),
            Block::Code(lines) => verbatim(&mut page, &lines.join("\n")),
            Block::Table(rows) => verbatim(&mut page, &table(&rows, MAN_COLUMNS)),
        };
    }
    page
}

/// Lines that a man page shows as they are.
fn verbatim(page: &mut String, lines: &str) -> std::fmt::Result {
    writeln!(page, ".PP\n.nf")?;
    for line in indented(lines).lines() {
        writeln!(page, "{}", escaped(line))?;
    }
    writeln!(page, ".fi")
}

/// A line that a man page takes for no request.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    if line.starts_with(['.', '\'']) {
        format!("\\&{line}")
    } else {
        line
    }
}

fn indented(lines: &str) -> String {
    textwrap::indent(lines.trim_end(), INDENT)
}

/// A table in so many columns. The widest cells are folded.
fn table(rows: &[Vec<&str>], columns: usize) -> String {
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..rows[0].len()).map(widest).collect();
    while widths.iter().sum::<usize>() + 2 * widths.len() > columns {
        match widths.iter_mut().max() {
            Some(width) if *width > COLUMN_MIN => *width -= 1,
            Some(_) | None => break,
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells.map(|(cell, width)| fold(cell, 0, *width)).collect();
        let height = cells.iter().map(|cell| cell.lines().count()).max();
        for line in 0..height.unwrap_or(0) {
            let mut printed = String::new();
            for (cell, width) in cells.iter().zip(&widths) {
                let part = cell.lines().nth(line).unwrap_or_default();
                let _ = write!(printed, "{part:<width$}  ");
            }
            text.push_str(printed.trim_end());
            text.push('\n');
        }
    }
    text
}
