//! What help says, command by command, word for word.

use crate::support::World;

/// Where the section begins that every command has.
const OUTPUT: &str = "Output (on standard error):";

/// Where the sections may begin that several commands share.
const SHARED: [&str; 2] = ["Reading the input:", "Safety and pace:"];

/// The long help of a command, whole.
fn whole(command: &str) -> String {
    World::new().call(&[command, "--help"]).code(0).out
}

/// The sections from the first of [`SHARED`] up to the examples.
fn shared(command: &str) -> String {
    let help = whole(command);
    let from = SHARED.iter().filter_map(|it| help.find(it)).min().unwrap();
    help[from..].split_once("Examples:").unwrap().0.to_owned()
}

/// The long help of a command without the sections that others have too.
fn own(command: &str) -> String {
    let help = whole(command);
    let (mut before, after) = help.split_once(OUTPUT).unwrap();
    for heading in SHARED {
        before = before.split_once(heading).map_or(before, |(own, _)| own);
    }
    let examples = after.split_once("\n\n").map_or("", |it| it.1);
    format!("{before}{examples}")
}

#[test]
fn help_of_the_program() {
    let help = World::new().call(&["--help"]).code(0).out;
    insta::assert_snapshot!(help, @r#"
    Delete users at Zendesk Support, Sunshine Conversations and Zoho CRM, from a file, under each
    provider's rate limits, with a ledger that answers for every row

    Usage: userpurge [OPTIONS] <COMMAND>

    Commands:
      plan         Read the whole file and say what a run would do; needs neither credentials nor a
                   network
      run          Delete the users of a file, or carry a saved plan out, after asking
      resume       Go on where an interrupted run stopped
      retry        Try rows again that failed, or whose answer is missing
      status       Say where a run stands, also while another process is at it
      report       Give an account of a run to people who were not there, or its rows back
      verify       Ask the provider about the rows that are done, and keep what it says; reads only
      lookup       Find the ids of users whom a file names by e-mail address or external id; reads only
      audit        Prove that no line of a ledger was changed, dropped, moved or added; needs no network
      check        Try the credentials of every account and say who they belong to and what they lack
      init         Ask a few questions, write a commented configuration, and check it
      providers    List the providers, print the file of one, or judge the examples of a file
      sandbox      Serve the three providers' behaviour on this machine, for trying things out
      demo         Purge a sample file against a sandbox inside this program, end to end
      completions  Print the completions of a shell
      man          Print the man pages, one after the other, or write one for each command
      schema       Print the JSON schema of the configuration, or of provider files, for editors
      help         Print the help of a command, or a topic

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Output (on standard error):
          --log-format <FORMAT>
              Diagnostics: text or json
              
              [default: text]

          --color <WHEN>
              Colours: auto, always or never; `NO_COLOR` is heeded
              
              [default: auto]

      -v, --verbose...
              More detail

      -q, --quiet
              Errors only

    Exit codes:
      0    every row is done or skipped; of plan: there is something to send
      1    the run reached the end, some rows are not done; of plan: nothing can be sent
      2    refused before anything was changed: command line, configuration, credentials, input
      3    stopped before the end by a safety limit; resume goes on
      4    the ledger is damaged, locked, or not of this tenant
      130  interrupted (SIGINT); resume goes on
      143  terminated (SIGTERM, SIGHUP); resume goes on

    Without a configuration file, these variables make the accounts zendesk, sunco and zoho:
      ZENDESK_SUBDOMAIN      the `acme` of https://acme.zendesk.com
      ZENDESK_BASE_URL       the whole address instead
      ZENDESK_EMAIL          the agent's e-mail address, with an API token
      ZENDESK_API_TOKEN      the API token; secret
      ZENDESK_OAUTH_TOKEN    an OAuth access token; secret
      ZENDESK_CLIENT_ID      an OAuth client's identifier
      ZENDESK_CLIENT_SECRET  that client's secret; secret
      SUNCO_APP_ID           the app whose users are meant
      SUNCO_KEY_ID           the API key's id, app_…, act_…, svc_… or int_…
      SUNCO_KEY_SECRET       the API key's secret; secret
      SUNCO_SUBDOMAIN        the Zendesk subdomain
      SUNCO_REGION           us or eu, of a legacy host, instead
      SUNCO_BASE_URL         the whole address instead
      ZOHO_DATA_CENTER       us, eu, in, au, jp, cn, ca, sa, uk, ae or sg
      ZOHO_ACCOUNTS_URL      the accounts server's address instead
      ZOHO_BASE_URL          the API's address; else the token answer says it
      ZOHO_CLIENT_ID         the OAuth client's id
      ZOHO_CLIENT_SECRET     that client's secret; secret
      ZOHO_REFRESH_TOKEN     the refresh token; secret

    Topics: config, input, outcomes, limits, ledger, safety, providers, reports,
      wrong-file, cron, systemd, secrets, transcend
    Begin with `userpurge demo`, then `userpurge plan INPUT`. Read a topic with `userpurge help TOPIC`.
    "#);
}

#[test]
fn help_of_plan() {
    insta::assert_snapshot!(own("plan"), @r#"
    Read the whole file and say what a run would do; needs neither credentials nor a network

    Usage: userpurge plan [OPTIONS] <INPUT>

    Arguments:
      <INPUT>  The file with the users' ids; - is standard input

    Options:
      -o, --output <LEDGER>   Save the plan as a ledger, which `run` carries out
          --json              One JSON object on standard output
          --ledger <PATH>     The ledger that `run` would write [default: INPUT and .ledger.jsonl]
          --config <PATH>     The configuration [default: ./userpurge.toml, XDG folder, environment]
          --notify <COMMAND>  Run this in a shell at the end, with `status --json` on its input
      -h, --help              Print help

    Examples:
      userpurge plan users.csv
      userpurge plan users.csv --account acme --action purge -o users.ledger.jsonl
      zcat export.jsonl.gz | userpurge plan - --format jsonl --json
    "#);
}

#[test]
fn help_of_run() {
    insta::assert_snapshot!(own("run"), @r#"
    Delete the users of a file, or carry a saved plan out, after asking

    Usage: userpurge run [OPTIONS] [INPUT]

    Arguments:
      [INPUT]  The file with the users' ids, or a saved plan; - is standard input

    Options:
          --again <LEDGER>    Instead of INPUT: once more the rows that are done in this ledger
          --ledger <PATH>     The ledger, a new file [default: INPUT with .ledger.jsonl appended]
      -n, --dry-run           Show the plan, ask nothing and send nothing
          --live              With --dry-run: read each user's state at the provider
          --config <PATH>     The configuration [default: ./userpurge.toml, XDG folder, environment]
          --notify <COMMAND>  Run this in a shell at the end, with `status --json` on its input
      -h, --help              Print help

    Examples:
      userpurge run users.csv --dry-run --live
      userpurge run users.csv --account acme --action delete --protect staff.txt
      userpurge run users.ledger.jsonl --confirm 4812 --progress plain
    "#);
}

#[test]
fn help_of_resume() {
    insta::assert_snapshot!(own("resume"), @r#"
    Go on where an interrupted run stopped

    Usage: userpurge resume [OPTIONS] [LEDGER]

    Arguments:
      [LEDGER]  The ledger; left out, it is the newest in this folder

    Options:
          --head <HASH>       Refuse a ledger with another fingerprint than this
          --config <PATH>     The configuration [default: ./userpurge.toml, XDG folder, environment]
          --notify <COMMAND>  Run this in a shell at the end, with `status --json` on its input
      -h, --help              Print help

    Examples:
      userpurge resume
      userpurge resume users.csv.ledger.jsonl --yes
    "#);
}

#[test]
fn help_of_retry() {
    insta::assert_snapshot!(own("retry"), @r#"
    Try rows again that failed, or whose answer is missing

    Usage: userpurge retry [OPTIONS] [LEDGER]

    Arguments:
      [LEDGER]  The ledger; left out, it is the newest in this folder

    Options:
          --only <CODE_OR_OUTCOME>  Rows with this outcome or code, or standing [default: failed,
                                    in-doubt]
          --ref <REF>               Of these, only rows with this reference (may be repeated)
          --head <HASH>             Refuse a ledger with another fingerprint than this
          --config <PATH>           The configuration [default: ./userpurge.toml, XDG folder,
                                    environment]
          --notify <COMMAND>        Run this in a shell at the end, with `status --json` on its input
      -h, --help                    Print help

    Examples:
      userpurge retry
      userpurge retry users.csv.ledger.jsonl --only refused --only TOO_MANY_REQUESTS
      userpurge retry users.csv.ledger.jsonl --ref REQ-1007
    "#);
}

#[test]
fn help_of_status() {
    insta::assert_snapshot!(own("status"), @r#"
    Say where a run stands, also while another process is at it

    Usage: userpurge status [OPTIONS] [LEDGER]

    Arguments:
      [LEDGER]  The ledger; left out, it is the newest in this folder

    Options:
          --follow  Go on saying it until the run ends
          --json    One JSON object on standard output
      -h, --help    Print help

    Examples:
      userpurge status --follow
      userpurge status users.csv.ledger.jsonl --json
    "#);
}

#[test]
fn help_of_audit() {
    insta::assert_snapshot!(own("audit"), @r#"
    Prove that no line of a ledger was changed, dropped, moved or added; needs no network

    Usage: userpurge audit [OPTIONS] [LEDGER]

    Arguments:
      [LEDGER]  The ledger; left out, it is the newest in this folder

    Options:
          --head <HASH>  The fingerprint that a run or status printed; the ledger may have grown since
          --json         One JSON object on standard output
      -h, --help         Print help

    Examples:
      userpurge audit
      userpurge audit users.csv.ledger.jsonl --head HASH --json

    Without --head, lines cut off at the end do not show, nor does a ledger that was rewritten whole:
    note the fingerprint that a run prints at its end, somewhere else.
    "#);
}

#[test]
fn help_of_report() {
    insta::assert_snapshot!(own("report"), @r#"
    Give an account of a run to people who were not there, or its rows back

    Usage: userpurge report [OPTIONS] [LEDGER]...

    Arguments:
      [LEDGER]...  The ledgers, which make one report; left out, it is the newest in this folder

    Options:
          --format <FORMAT>  What is written: html, json, md or csv [default: html]
      -o, --output <FILE>    The file that html, json or md goes to; - is standard output
          --head <HASH>      Refuse a ledger with another fingerprint than this
          --by <ref>         With --format csv: refs.csv with a row for each reference, and no other
                             [possible values: ref]
          --out <DIR>        The folder that the files of csv go to, made if it is not there
      -h, --help             Print help

    Examples:
      userpurge report latest --format html
      userpurge report users.csv.ledger.jsonl --format md -o ticket.md
      userpurge report latest --format json | jq .reasons
      userpurge report latest --format csv --out report
      userpurge report latest --format csv --by ref --out report
      userpurge run report/failed.csv --done-in users.csv.ledger.jsonl

    More: `userpurge help reports`.
    "#);
}

#[test]
fn help_of_verify() {
    insta::assert_snapshot!(own("verify"), @r#"
    Ask the provider about the rows that are done, and keep what it says; reads only

    Usage: userpurge verify [OPTIONS] [LEDGER]

    Arguments:
      [LEDGER]  The ledger; left out, it is the newest in this folder

    Options:
          --head <HASH>      Refuse a ledger with another fingerprint than this
          --sample <N>       Ask about so many rows only, drawn at random, spread over the accounts
          --seed <SEED>      Draw the sample that was drawn with this seed before
          --json             One JSON object on standard output
          --concurrency <N>  Requests under way for one account, 1 to 1000 [default: the run's]
          --config <PATH>    The configuration [default: ./userpurge.toml, XDG folder, environment]
      -h, --help             Print help

    Safety and pace:
          --ignore-pauses  Ask although a server asked for a wait that is not over

    Examples:
      userpurge verify
      userpurge verify users.csv.ledger.jsonl --sample 500
      userpurge verify users.csv.ledger.jsonl --json

    Exit code 1: somebody is still there, or no clear answer came. A deletion that the provider has
    taken
    and still works on is counted apart, and is no trouble.
    "#);
}

#[test]
fn help_of_lookup() {
    insta::assert_snapshot!(own("lookup"), @r#"
    Find the ids of users whom a file names by e-mail address or external id; reads only

    Usage: userpurge lookup [OPTIONS] --output <FILE> <INPUT>

    Arguments:
      <INPUT>  The file that names users; - is standard input

    Options:
      -o, --output <FILE>  The file for its rows, with columns `id`, `account` and `found`
          --by <WHAT>      What it names them by: email or external-id [default: email]
          --config <PATH>  The configuration [default: ./userpurge.toml, XDG folder, environment]
      -h, --help           Print help

    No id is guessed. After an interruption, the same command goes on where it stopped. Options that
    only
    deletions need are accepted and do nothing.

    Examples:
      userpurge lookup people.csv --by external-id --account acme -o people.ids.csv
      userpurge plan people.ids.csv --action delete
    "#);
}

#[test]
fn help_of_init() {
    insta::assert_snapshot!(own("init"), @r#"
    Ask a few questions, write a commented configuration, and check it

    Usage: userpurge init [OPTIONS]

    Options:
          --config <PATH>  The file to write [default: userpurge.toml]
      -h, --help           Print help

    Examples:
      userpurge init
      userpurge init --config prod.toml
      printf '%s\n' zendesk acme client userpurge acme env ACME_SECRET | userpurge init

    Secrets are not asked for: the file says where each is kept. Nothing is replaced without asking.
    "#);
}

#[test]
fn help_of_providers() {
    insta::assert_snapshot!(own("providers"), @r#"
    List the providers, print the file of one, or judge the examples of a file

    Usage: userpurge providers [OPTIONS] [NAME|FILE]

    Arguments:
      [NAME|FILE]  A provider's name, or a provider file [default: all]

    Options:
          --json  One JSON object on standard output
      -h, --help  Print help

    Examples:
      userpurge providers
      userpurge providers okta > ours.provider.toml
      userpurge providers ./ours.provider.toml
    "#);
}

#[test]
fn help_of_schema() {
    insta::assert_snapshot!(own("schema"), @r#"
    Print the JSON schema of the configuration, or of provider files, for editors

    Usage: userpurge schema [OPTIONS] [ABOUT]

    Arguments:
      [ABOUT]  Of what: the configuration, or the files that describe providers [default: config]
               [possible values: config, provider]

    Options:
      -h, --help  Print help

    Examples:
      userpurge schema > userpurge.schema.json
      userpurge schema provider > provider.schema.json
    "#);
}

#[test]
fn help_of_help() {
    insta::assert_snapshot!(own("help"), @r#"
    Print the help of a command, or a topic

    Usage: userpurge help [OPTIONS] [COMMAND|TOPIC]

    Arguments:
      [COMMAND|TOPIC]  The command or the topic [default: what there is]

    Options:
      -h, --help  Print help

    Examples:
      userpurge help
      userpurge help outcomes
      userpurge help run
    "#);
}

#[test]
fn help_of_check() {
    insta::assert_snapshot!(own("check"), @r#"
    Try the credentials of every account and say who they belong to and what they lack

    Usage: userpurge check [OPTIONS]

    Options:
          --json           One JSON object on standard output
          --config <PATH>  The configuration [default: ./userpurge.toml, XDG folder, environment]
      -h, --help           Print help

    Examples:
      userpurge check
      userpurge check --config prod.toml --json
    "#);
}

#[test]
fn help_of_sandbox() {
    insta::assert_snapshot!(own("sandbox"), @r#"
    Serve the three providers' behaviour on this machine, for trying things out

    Usage: userpurge sandbox [OPTIONS]

    Options:
          --listen <ADDRESS>       Where it listens, on this machine only; port 0 is any free one
                                   [default: 127.0.0.1:8787]
          --latency <TIME>         How long answers take, such as 50ms [default: no time]
          --faults <FAULTS>        What goes wrong how often, such as error500=2%,reset-after=1%,seed=7
                                   [default: nothing]
          --scale-limits <FACTOR>  Multiply the providers' limits by this [default: 1]
          --users <FILE>           The users that are there: those of this input, in any format that
                                   `run` reads [default: the demo's]
          --provider <FILE>        A provider file that is served beside them, as a path or by its name
                                   if it is shipped
          --write-config <FILE>    Write a configuration for the sandbox to this new file [default:
                                   standard output]
      -h, --help                   Print help

    Examples:
      userpurge sandbox
      userpurge sandbox --users users.csv --write-config userpurge.toml
      userpurge sandbox --listen 127.0.0.1:9000 --latency 50ms --faults error500=2% --scale-limits 10
    "#);
}

#[test]
fn help_of_demo() {
    insta::assert_snapshot!(own("demo"), @r#"
    Purge a sample file against a sandbox inside this program, end to end

    Usage: userpurge demo [OPTIONS]

    Options:
      -h, --help  Print help

    Examples:
      userpurge demo
    "#);
}

#[test]
fn help_of_completions() {
    insta::assert_snapshot!(own("completions"), @r#"
    Print the completions of a shell

    Usage: userpurge completions [OPTIONS] <SHELL>

    Arguments:
      <SHELL>  The shell [possible values: bash, elvish, fish, powershell, zsh]

    Options:
      -h, --help  Print help

    Examples:
      userpurge completions bash > ~/.local/share/bash-completion/completions/userpurge
      userpurge completions zsh > ~/.zfunc/_userpurge
      userpurge completions fish > ~/.config/fish/completions/userpurge.fish
      userpurge completions powershell >> $PROFILE
    "#);
}

#[test]
fn help_of_man() {
    insta::assert_snapshot!(own("man"), @r#"
    Print the man pages, one after the other, or write one for each command

    Usage: userpurge man [OPTIONS]

    Options:
          --out <DIR>  The folder that each page goes to as a file of its own, made if it is not there;
                       beside one called man1, man5 and man7 take the pages of their sections [default:
                       standard output]
      -h, --help       Print help

    Examples:
      userpurge man | man -l -
      userpurge man --out ~/.local/share/man/man1
    "#);
}

#[test]
fn the_two_that_read_an_input_share_their_options() {
    assert_eq!(shared("run"), shared("plan"));
    for command in ["resume", "retry"] {
        let help = whole(command);
        assert!(!help.contains("Reading the input") && help.contains("Safety and pace:"));
        assert_eq!(help.contains("--include-role"), command == "retry");
    }
    insta::assert_snapshot!(shared("plan"), @r#"
    Reading the input:
          --account <NAME>         The account of rows that name none
          --action <NAME>          The action of rows that name none; `userpurge providers` lists all
          --id-column <NAME>       Column of the user's id, dotted if nested [default: id, user id, …]
          --account-column <NAME>  Column of the account, or none [default: account, provider, system]
          --action-column <NAME>   Column of the action [default: action, operation]
          --ref-column <NAME>      Column of your reference [default: ref, ticket, request id, …]
          --format <FORMAT>        auto, csv, tsv, jsonl, json, ids, xlsx or ods [default: auto]
          --delimiter <C>          What parts cells of csv; tab for a tab [default: as the header shows]
          --header-line <N>        The line of the header of a table that has a title above it
          --sheet <NAME>           The sheet of a spreadsheet [default: the only one with ids]
          --where <TEST>           Take rows that pass, such as plan=free (see `userpurge help input`)
          --where-not <TEST>       Leave out rows that pass (may be repeated)
          --max-rows <N>           Send the first N rows at most; the others are filtered

    Safety and pace:
          --protect <FILE>       Ids that must never be touched, in any format that INPUT has
          --done-in <LEDGER>     Skip rows that an earlier ledger shows as good (may be repeated)
          --include-role <ROLE>  Let users of this role be deleted too, such as admin (may be repeated)
          --protect-suspended    Leave suspended users of Zendesk alone (see `userpurge help safety`)
          --force-foreign-ids    Let ids through whose first digits are another org's (Zoho)
          --canary <N>           Send N rows of each account first; exit 3 unless all of them are done
          --until <HH:MM>        Begin no more rows after this local time; exit 3, `resume` goes on
          --max-failures <N|P%>  Stop an account after so many failures [default: 50 of 1,000 rows]
          --attempts <N>         Tries for one request [default: 6]
          --concurrency <N>      Requests in flight for one account, 1 to 1000 [default: as configured]
          --max-delete <N>       With more rows than this to delete, exit 2 and send nothing
          --ignore-pauses        Send although a server asked for a wait that is not over
      -y, --yes                  Ask nothing (without a terminal, run and retry need this or --confirm)
          --confirm <N>          Ask nothing, and go only if exactly N rows would be sent

    Output (on standard error):
          --log-format <FORMAT>  Diagnostics: text or json [default: text]
          --color <WHEN>         Colours: auto, always or never; `NO_COLOR` is heeded [default: auto]
      -v, --verbose...           More detail
      -q, --quiet                Errors only
          --progress <HOW>       Progress: auto, bar, plain, json or none [default: auto]
    "#);
}
