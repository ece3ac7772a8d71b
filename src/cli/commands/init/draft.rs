//! An account as it will stand in the file, with comments for whoever reads it next.

use std::fmt::Write as _;

/// What the file begins with.
pub(super) const HEAD: &str = "\
# userpurge: the accounts whose users may be deleted. `userpurge check` tries them; it only reads.
# No secret stands here: each key below says where its secret is kept.

# deny_tenants = [\"prod\"]                    # nothing is deleted at a tenant whose name holds such a word
";

/// One account.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) provider: &'static str,
    keys: Vec<(&'static str, String)>,
    pub(super) secrets: Vec<Secret>,
}

/// A secret, and where it is kept.
pub(super) struct Secret {
    pub(super) key: &'static str,
    /// What it is, in a sentence.
    pub(super) what: &'static str,
    /// `env`, `file` or `command`.
    pub(super) kept: &'static str,
    /// The variable, the path or the command line.
    pub(super) place: String,
}

impl Draft {
    pub(super) fn new(provider: &'static str) -> Self {
        Self {
            name: String::new(),
            provider,
            keys: Vec::new(),
            secrets: Vec::new(),
        }
    }

    pub(super) fn key(&mut self, key: &'static str, value: &str) {
        self.keys.push((key, value.to_owned()));
    }

    pub(super) fn secret(&mut self, key: &'static str, what: &'static str) {
        self.secrets.push(Secret {
            key,
            what,
            kept: "env",
            place: String::new(),
        });
    }

    pub(super) fn value(&self, key: &str) -> Option<&str> {
        let mut keys = self.keys.iter();
        keys.find(|(it, _)| *it == key)
            .map(|(_, value)| value.as_str())
    }

    /// The variables that have to be set.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        let secrets = self.secrets.iter();
        secrets
            .filter(|secret| secret.kept == "env")
            .map(|secret| secret.place.as_str())
    }

    /// The account's table.
    pub(super) fn table(&self) -> String {
        let mut text = format!("\n[accounts.{}]\n", key(&self.name));
        let mut line = |name: &str, value: &str, comment: &str| {
            // Writing to a string cannot fail.
            let line = format!("{name} = {value}");
            let _ = if comment.is_empty() {
                writeln!(text, "{line}")
            } else {
                writeln!(text, "{line:<44} # {comment}")
            };
        };
        line("provider", &quoted(self.provider), "");
        for (name, value) in &self.keys {
            line(name, &quoted(value), "");
        }
        for secret in &self.secrets {
            let comment = if secret.key == "api_token" {
                "Zendesk ends API tokens on 2027-04-30; make an OAuth client before"
            } else {
                secret.what
            };
            line(secret.key, &secret.source(), comment);
        }
        line(
            "# action",
            &quoted(self.action()),
            "for rows that name none; without it they are not sent",
        );
        let _ = write!(text, "{}", self.limits());
        text
    }

    const fn action(&self) -> &'static str {
        match self.provider.as_bytes() {
            b"zendesk" => "purge",
            _ => "delete",
        }
    }

    /// The limits that hold without a word, to be changed.
    fn limits(&self) -> String {
        let name = key(&self.name);
        let mut text = String::from("\n");
        let mut line = |line: &str, comment: &str| {
            let _ = writeln!(text, "{line:<44} # {comment}");
        };
        line(
            &format!("# [accounts.{name}.limits]"),
            "these hold unless told otherwise",
        );
        if self.provider == "zendesk" {
            line(
                "# requests = \"400/1m\"",
                "every request; the Enterprise plan has 700/1m",
            );
            line(
                "# permanently-delete = \"700/10m\"",
                "this endpoint as well",
            );
        } else {
            line("# requests = \"600/1m\"", "every request");
        }
        line(
            "# share = 0.8",
            "the part of each limit that this program may use",
        );
        text
    }
}

impl Secret {
    fn source(&self) -> String {
        match self.kept {
            "command" => {
                let words: Vec<_> = self.place.split_whitespace().map(quoted).collect();
                format!("{{ command = [{}] }}", words.join(", "))
            }
            kept => format!("{{ {kept} = {} }}", quoted(&self.place)),
        }
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A name as a part of a table's heading.
fn key(name: &str) -> String {
    if name.contains('.') {
        quoted(name)
    } else {
        name.to_owned()
    }
}
