//! What the parts of a run cost, each by itself: reading and planning rows, judging answers,
//! keeping quotas, and committing entries to a ledger. The wire as a whole is `wire.sh`'s.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use futures::executor::block_on;
use futures::future::join_all;
use http::{HeaderMap, HeaderValue};
use tempfile::TempDir;
use tokio::time::Instant;
use userpurge::domain::{
    AccountName, AccountPolicy, Action, Entry, Intent, Position, ProviderKind, RunHeader,
    RunOptions, Step, Time, UserId,
};
use userpurge::input::{InputSource, ReadOptions};
use userpurge::lane::limits::Window;
use userpurge::ledger::{Durability, LedgerWriter, RealDisk};
use userpurge::plan::{Planner, ProtectList};
use userpurge::provider::{
    Provider, ProviderSettings, Reply, SuncoSettings, ZendeskCredentials, ZendeskSettings,
    ZohoSettings, blanks_count, build, check_id, ids_alike,
};

/// Rows of the inputs that are read here.
const ROWS: u64 = 100_000;

fn main() {
    divan::main();
}

/// An input of [`ROWS`] rows and how many bytes it has.
fn input(
    folder: &TempDir,
    name: &str,
    head: &str,
    row: impl Fn(u64) -> String,
) -> (Arc<Path>, usize) {
    let mut text = head.to_owned();
    for number in 0..ROWS {
        let _ = writeln!(text, "{}", row(number));
    }
    let path: Arc<Path> = folder.path().join(name).into();
    let mut file = std::fs::File::create_new(&path).expect("a new file");
    std::io::Write::write_all(&mut file, text.as_bytes()).expect("a file that takes bytes");
    (path, text.len())
}

fn csv(folder: &TempDir) -> (Arc<Path>, usize) {
    let row = |number| format!("{},acme,purge,REQ-{number}", 361_808_351_000_u64 + number);
    input(folder, "users.csv", "id,account,action,ref\n", row)
}

fn jsonl(folder: &TempDir) -> (Arc<Path>, usize) {
    let row = |number| {
        let id = 361_808_351_000_u64 + number;
        format!(r#"{{"id":{id},"account":"acme","action":"purge","ref":"REQ-{number}"}}"#)
    };
    input(folder, "users.jsonl", "", row)
}

fn open(path: &Path) -> InputSource {
    InputSource::open(path, &ReadOptions::default()).expect("an input")
}

mod parse {
    use super::{
        Arc, Bencher, BytesCount, ItemsCount, Path, ROWS, TempDir, black_box, csv, jsonl, open,
    };

    #[divan::bench(sample_count = 10)]
    fn csv_rows(bencher: Bencher) {
        rows(bencher, csv);
    }

    #[divan::bench(sample_count = 10)]
    fn jsonl_rows(bencher: Bencher) {
        rows(bencher, jsonl);
    }

    fn rows(bencher: Bencher, made: fn(&TempDir) -> (Arc<Path>, usize)) {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, bytes) = made(&folder);
        bencher
            .counter(ItemsCount::new(ROWS))
            .counter(BytesCount::new(bytes))
            .bench_local(|| {
                let mut source = open(&path);
                source
                    .each_row(|_, row| drop(black_box(row.clone())))
                    .expect("rows");
            });
    }
}

#[divan::bench(sample_count = 10)]
fn plan(bencher: Bencher) {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, _) = csv(&folder);
    let policy = AccountPolicy {
        name: AccountName::new("acme"),
        provider: ProviderKind::Zendesk,
        tenant: None,
        action: None,
        check_id: check_id(ProviderKind::Zendesk),
        blanks_count: blanks_count(ProviderKind::Zendesk),
        id_pattern: None,
        ids_alike: ids_alike(ProviderKind::Zendesk),
    };
    let (defaults, protect) = (RunOptions::default(), ProtectList::default());
    let planner = Planner::try_new(vec![policy], &defaults, protect, HashSet::new());
    let planner = planner.expect("a planner");
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let plan = planner.plan(&mut open(&path), None).expect("a plan");
        assert_eq!(plan.to_delete(), ROWS);
    });
}

mod classify {
    use super::{
        Bencher, HeaderMap, HeaderValue, Provider, ProviderSettings, Reply, Step, SuncoSettings,
        UserId, ZendeskCredentials, ZendeskSettings, ZohoSettings, black_box, build,
    };

    const ID: &str = "4876876000000225001";

    #[divan::bench]
    fn zendesk(bencher: Bencher) {
        let settings = ProviderSettings::Zendesk(ZendeskSettings {
            base_url: "https://acme.zendesk.com".parse().expect("a URL"),
            credentials: ZendeskCredentials::ApiToken {
                email: "ops@acme.example".to_owned(),
                token: "token".into(),
            },
        });
        let body = format!(
            r#"{{"user":{{"id":{ID},"name":"A","email":null,"active":false,"role":"end-user","tags":[],"user_fields":{{}}}}}}"#
        );
        let headers = [
            ("x-rate-limit", "700"),
            ("x-rate-limit-remaining", "641"),
            ("ratelimit-limit", "700"),
            ("ratelimit-remaining", "641"),
            ("ratelimit-reset", "31"),
        ];
        judge(bencher, settings, body, &headers);
    }

    #[divan::bench]
    fn sunco(bencher: Bencher) {
        let settings = ProviderSettings::Sunco(SuncoSettings {
            brand_id: None,
            base_url: "https://api.smooch.io".parse().expect("a URL"),
            app_id: "5963c0d619a30a2e00de36b8".to_owned(),
            key_id: "app_1".to_owned(),
            key_secret: "secret".into(),
            is_jwt: false,
        });
        judge(bencher, settings, "{}".to_owned(), &[]);
    }

    #[divan::bench]
    fn zoho(bencher: Bencher) {
        let settings = ProviderSettings::Zoho(ZohoSettings {
            accounts_url: "https://accounts.zoho.eu".parse().expect("a URL"),
            base_url: None,
            version: "v8".to_owned(),
            client_id: "1000.A".to_owned(),
            client_secret: "secret".into(),
            refresh_token: "1000.B".into(),
        });
        let body = format!(
            r#"{{"users":[{{"code":"SUCCESS","details":{{"id":"{ID}"}},"message":"User deleted","status":"success"}}]}}"#
        );
        judge(
            bencher,
            settings,
            body,
            &[("x-api-credits-remaining", "4711")],
        );
    }

    /// The verdict on an answer that confirms the deletion, and what its headers say.
    fn judge(
        bencher: Bencher,
        settings: ProviderSettings,
        body: String,
        headers: &[(&'static str, &'static str)],
    ) {
        let provider: Box<dyn Provider> = build(settings);
        let headers = headers.iter().map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        let reply = Reply {
            status: 200,
            headers: headers.collect::<HeaderMap>(),
            body: body.into(),
        };
        let id = UserId::new(ID);
        bencher.bench_local(|| {
            let hints = provider.rate_hints(Some(Step::Delete), black_box(&reply.headers));
            (provider.judge(Step::Delete, &id, black_box(&reply)), hints)
        });
    }
}

/// A request's way through a window of so many slots, all of them taken before.
#[divan::bench(args = [100, 10_000, 1_000_000])]
fn window(bencher: Bencher, slots: u32) {
    let quota = format!("{slots}/1ms").parse().expect("a quota");
    let mut window = Window::new(quota);
    bencher.bench_local(|| {
        let now = Instant::now().into_std();
        if window.ready(now).is_ok() {
            window.take();
            window.answered(now);
        }
    });
}

/// Intents that are appended at once and synced, by how many they are: what a commit costs, and
/// what each entry of a larger one does.
#[divan::bench(args = [1, 8, 64, 512], sample_count = 50)]
fn ledger_commit(bencher: Bencher, entries: u64) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let path = folder.path().join("a.ledger.jsonl");
    let writer = LedgerWriter::create_on(&RealDisk, &path, header()).expect("a ledger");
    let handle = writer.handle();
    let intents: Vec<Entry> = (1..=entries).map(intent).collect();
    bencher.counter(ItemsCount::new(entries)).bench_local(|| {
        let appended = intents
            .iter()
            .map(|entry| handle.append(entry.clone(), Durability::Synced));
        for done in block_on(join_all(appended)) {
            done.expect("a durable entry");
        }
    });
    block_on(writer.finish()).expect("a ledger that closes");
}

fn intent(row: u64) -> Entry {
    Entry::Intent(Intent {
        position: Position { row, line: row + 1 },
        account: AccountName::new("acme"),
        action: Action::Delete,
        id: UserId::new("361808351000"),
        step: Step::Delete,
        attempt: 1,
        with: None,
        nobody: false,
        at: Time::from_millis(1_795_339_800_000),
    })
}

/// The least that a ledger's header holds.
fn header() -> RunHeader {
    let header = serde_json::json!({
        "run_id": "019abcde-0000-7000-8000-000000000001",
        "format": RunHeader::FORMAT,
        "version": "0",
        "options": {},
        "accounts": [],
        "started_at": "2026-11-22T09:30:00.000Z",
    });
    serde_json::from_value(header).expect("a header")
}
