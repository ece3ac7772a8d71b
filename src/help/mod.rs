//! The topics of help. Each Markdown file here is the one source for `userpurge help TOPIC`, for a man page
//! and for this documentation.

mod render;

use std::path::Path;

use crate::words::shell_path;

pub use render::{roff, text};

/// Makes a page of the documentation of each topic, and [`TOPICS`].
macro_rules! topics {
    ($($page:ident $name:literal $section:literal,)+) => {
        $(
            #[doc = include_str!(concat!($name, ".md"))]
            pub mod $page {}
        )+

        /// Each topic's name, its section of the manual, and its text in Markdown.
        pub const TOPICS: [(&str, u8, &str); [$($name),+].len()] =
            [$(($name, $section, include_str!(concat!($name, ".md")))),+];
    };
}

topics! {
    config "config" 5,
    input "input" 5,
    outcomes "outcomes" 7,
    limits "limits" 7,
    ledger "ledger" 5,
    safety "safety" 7,
    providers "providers" 7,
    reports "reports" 7,
    wrong_file "wrong-file" 7,
    cron "cron" 7,
    systemd "systemd" 7,
    secrets "secrets" 7,
    transcend "transcend" 7,
}

/// The subject of the topic with this `text`: the words behind its name in the first line.
pub fn title(text: &str) -> &str {
    let first = text.lines().next().unwrap_or_default();
    first.split_once(": ").map_or(first, |(_, title)| title)
}

/// The command that a `word` means which is none: a file is planned. `None`: there is no telling.
pub fn command_for(word: &str) -> Option<String> {
    match word {
        "version" => Some("userpurge --version".to_owned()),
        _ => Path::new(word)
            .is_file()
            .then(|| format!("userpurge plan {}", shell_path(word))),
    }
}
