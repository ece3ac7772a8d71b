//! The providers that the program brings as files, in the simulation's own words: what their ids look like,
//! which request deletes, how many requests they take. A file that says something else breaks a rule.

use std::sync::{Arc, OnceLock};

use percent_encoding::percent_decode_str;
use userpurge::domain::ProviderKind;
use userpurge::provider::ProviderFile;

/// What stands for a user's id.
const ID: &str = "{id}";

/// A provider.
#[derive(Debug)]
pub(crate) struct FileFacts {
    pub(crate) name: &'static str,
    action: &'static str,
    /// How many requests the action takes. They look alike.
    steps: usize,
    /// Method, address and body of each of them.
    deletes: &'static str,
    /// Where tokens are asked for, if they are.
    tokens: &'static str,
    /// Whether what is taken is carried out later.
    pub(crate) takes_orders: bool,
    /// How many deletions the provider takes, where nothing else is asked of it.
    pub(crate) quota: &'static str,
    /// Whether the configuration alone tells two tenants apart.
    pub(crate) is_told_apart: bool,
    /// Whose credentials are used, where an answer tells.
    pub(crate) caller: Option<&'static str>,
    /// Whether the ids are numbers.
    pub(crate) has_numbers: bool,
}

impl FileFacts {
    const fn new(
        name: &'static str,
        action: &'static str,
        deletes: &'static str,
        quota: &'static str,
    ) -> Self {
        Self {
            name,
            action,
            steps: 1,
            deletes,
            tokens: "",
            takes_orders: false,
            quota,
            is_told_apart: false,
            caller: None,
            has_numbers: true,
        }
    }
}

/// All of them.
pub(crate) const FILES: [FileFacts; 8] = [
    FileFacts {
        has_numbers: false,
        ..FileFacts::new("intercom", "delete", "DELETE /contacts/{id} ", "1600/10s")
    },
    FileFacts {
        is_told_apart: true,
        ..FileFacts::new(
            "freshdesk",
            "hard-delete",
            "DELETE /api/v2/contacts/{id}/hard_delete?force=true ",
            "200/1m",
        )
    },
    FileFacts::new("gorgias", "delete", "DELETE /api/customers/{id} ", "40/20s"),
    FileFacts {
        is_told_apart: true,
        caller: Some("5f00000000000000000000aa"),
        has_numbers: false,
        ..FileFacts::new(
            "jira",
            "delete",
            "DELETE /rest/api/3/user?accountId={id} ",
            "100/1m",
        )
    },
    // Of 200 in a minute, each deletion is two.
    FileFacts {
        tokens: "/v2/oauth2/token",
        takes_orders: true,
        ..FileFacts::new(
            "helpscout",
            "delete-later",
            "DELETE /v2/customers/{id}?async=true ",
            "100/1m",
        )
    },
    FileFacts {
        steps: 2,
        has_numbers: false,
        ..FileFacts::new(
            "okta",
            "deactivate-and-delete",
            "DELETE /api/v1/users/{id} ",
            "600/1m",
        )
    },
    FileFacts {
        tokens: "/oauth/token",
        is_told_apart: true,
        has_numbers: false,
        ..FileFacts::new("auth0", "delete", "DELETE /api/v2/users/{id} ", "2/1s")
    },
    FileFacts::new(
        "hubspot",
        "gdpr-delete",
        "POST /crm/objects/2026-03/contacts/gdpr-delete {\"objectId\":\"{id}\"}",
        "100/10s",
    ),
];

/// The files as the program has read them.
static READ: OnceLock<Vec<Arc<ProviderFile>>> = OnceLock::new();

/// The program's file of the provider of this kind; `None`: it is one of the program's own.
pub(crate) fn file(kind: ProviderKind) -> Option<&'static Arc<ProviderFile>> {
    READ.get()?.iter().find(|it| it.name == kind.name())
}

/// The provider of this kind; `None`: it is one of the program's own.
pub(crate) fn facts(kind: ProviderKind) -> Option<&'static FileFacts> {
    FILES.iter().find(|it| it.name == kind.name())
}

/// Makes the program read its files.
///
/// # Errors
///
/// A file that is missing, cannot be used, or has other actions.
pub(crate) fn read_all() -> Result<(), String> {
    let shipped: Vec<&str> = ProviderFile::shipped_names().collect();
    if shipped.len() != FILES.len() {
        return Err(format!("the files are {shipped:?}"));
    }
    let mut read = Vec::new();
    for it in &FILES {
        let file = ProviderFile::shipped(it.name).filter(|file| file.register());
        let file = file.ok_or_else(|| format!("{} cannot be used", it.name))?;
        let actions = file.actions();
        let names: Vec<&str> = actions.iter().map(|it| it.name()).collect();
        let steps = actions.first().map_or(0, |it| it.steps().len());
        if names != [it.action] || steps != it.steps {
            return Err(format!("{} has {names:?} of {steps} steps", it.name));
        }
        read.push(file);
    }
    READ.get_or_init(|| read);
    Ok(())
}

impl FileFacts {
    pub(crate) fn kind(&self) -> Option<ProviderKind> {
        ProviderKind::named(self.name)
    }

    /// An id of a user.
    pub(crate) fn id(&self, number: u64) -> String {
        match self.name {
            "intercom" => format!("{:024x}", 0x64f0_a1b2_0000_u64 * 1_000 + number),
            "freshdesk" => (43_000_000_000 + number).to_string(),
            "jira" if number.is_multiple_of(2) => format!("5b10{number:020x}"),
            "jira" => format!("557058:{number:08x}-0000-4000-8000-{number:012x}"),
            "okta" => format!("00uA{number:016x}"),
            "auth0" if number.is_multiple_of(3) => format!("google-oauth2|1{number:020}"),
            "auth0" => format!("auth0|{number:024x}"),
            _ => (500_600_000 + number).to_string(),
        }
    }

    /// Twice of what it takes.
    pub(crate) fn too_much(&self) -> String {
        let (count, span) = self.quota.split_once('/').unwrap_or_default();
        format!("{}/{span}", count.parse::<u32>().unwrap_or(1) * 2)
    }

    /// Whether a user may be half gone, by the first of two requests.
    pub(crate) const fn has_half_gone(&self) -> bool {
        self.steps > 1
    }

    /// Whom a request deletes, by method, address and body; `None`: it is none that deletes. Empty: one that
    /// nobody knows.
    pub(crate) fn deleted(&self, method: &str, address: &str, body: &[u8]) -> Option<String> {
        if method == "GET" || (method == "POST" && address == self.tokens) {
            return None;
        }
        let sent = format!("{method} {address} {}", String::from_utf8_lossy(body));
        let id = self.deletes.split_once(ID).and_then(|(before, behind)| {
            let id = sent.strip_prefix(before)?.strip_suffix(behind)?;
            Some(percent_decode_str(id).decode_utf8_lossy().into_owned())
        });
        Some(id.unwrap_or_default())
    }
}

/// Whether `step` is one of a file's own.
pub(crate) fn is_step(step: &str) -> bool {
    step == "deactivate" || FILES.iter().any(|it| it.action == step)
}
