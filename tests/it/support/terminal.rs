//! A real terminal: the program under tmux, driven by keys, judged by what stands on the screen.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::World;

/// A terminal with a shell in the world's folder. Ends with its value.
pub(crate) struct Terminal<'a> {
    world: &'a World,
    /// The socket of a server of its own, so that no other tmux is touched.
    socket: String,
}

impl World {
    /// A terminal of that many columns and 24 lines, in whose shell `userpurge` is the program.
    pub(crate) fn terminal(&self, columns: u16) -> Terminal<'_> {
        self.terminal_with(columns, "")
    }

    /// The same with more variables, `NAME=value` each.
    pub(crate) fn terminal_with(&self, columns: u16, variables: &str) -> Terminal<'_> {
        self.terminal_of((columns, 24), variables)
    }

    /// The same of so many columns and lines.
    pub(crate) fn terminal_of(
        &self,
        (columns, lines): (u16, u16),
        variables: &str,
    ) -> Terminal<'_> {
        // Never that of a server before, which may be ending just now.
        static SERVERS: AtomicU32 = AtomicU32::new(0);
        let socket = format!("tmux-{}", SERVERS.fetch_add(1, Ordering::Relaxed));
        let terminal = Terminal {
            world: self,
            socket: self.path(&socket).display().to_string(),
        };
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_userpurge"));
        let folder = self.folder.path().display();
        let shell = format!(
            "exec env -i PATH={}:/usr/local/bin:/usr/bin:/bin HOME={folder} TERM=screen-256color TZ=UTC \
             LC_ALL=C.UTF-8 PS1='$ ' XDG_CACHE_HOME={folder}/cache XDG_CONFIG_HOME={folder}/xdg {variables} sh",
            program.parent().unwrap().display(),
        );
        let (columns, lines) = (columns.to_string(), lines.to_string());
        terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &columns,
            "-y",
            &lines,
            "-c",
            &folder.to_string(),
            &shell,
        ]);
        terminal.tmux(&["set-option", "-g", "status", "off"]);
        terminal.until("there is a prompt", |screen| screen.starts_with('$'));
        terminal
    }
}

impl Terminal<'_> {
    fn tmux(&self, args: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-u", "-S", &self.socket])
            .args(args)
            .output()
            .expect("tmux is there; `make tools` installs it");
        assert!(output.status.success(), "tmux {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Types a line.
    pub(crate) fn types(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.key("Enter");
    }

    /// Presses a key, by tmux's name of it.
    pub(crate) fn key(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// What stands on the screen.
    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).trim_end().to_owned()
    }

    /// The same with its colours, as escape sequences.
    pub(crate) fn coloured(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
            .trim_end()
            .to_owned()
    }

    /// Everything that was ever on the screen.
    pub(crate) fn history(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-S", "-"])
            .trim_end()
            .to_owned()
    }

    /// The same with lines whole that the terminal broke because they were too long for it.
    pub(crate) fn unbroken(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J", "-S", "-"])
            .trim_end()
            .to_owned()
    }

    /// Forgets what is no longer on the screen.
    pub(crate) fn forget(&self) {
        self.tmux(&["clear-history"]);
    }

    /// Makes it so many columns wide.
    pub(crate) fn resize(&self, columns: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string()]);
    }

    /// Writes what programs send to it to a file of the world, too.
    pub(crate) fn record(&self, file: &str) {
        let command = format!("cat > '{}'", self.world.path(file).display());
        self.tmux(&["pipe-pane", "-O", &command]);
    }

    /// Waits until the screen is as wanted, and gives it.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, level: impl Fn(&str) -> bool) -> String {
        let mut screen = String::new();
        for _ in 0..3000 {
            screen = self.screen();
            if level(&screen) {
                return screen;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("waited in vain until {what}; on the screen:\n{screen}");
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        // A server that has ended already is as good.
        let _ = Command::new("tmux")
            .args(["-S", &self.socket, "kill-server"])
            .output();
    }
}
