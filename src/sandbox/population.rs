//! The demo's users, at the tenant `default`, and the file that is about them.

use super::seed::Seed;

/// The demo's input file, `fixtures/input/demo.csv`.
pub const DEMO_CSV: &str = include_str!("../../fixtures/input/demo.csv");

/// The demo's users.
pub(super) fn demo() -> Seed {
    Seed {
        tenant: String::new(),
        zendesk: Vec::new(),
        sunco: Vec::new(),
        zoho: Vec::new(),
    }
}
