//! A Chromium without a window, driven over its DevTools protocol: JSON messages with a zero byte behind each, over two
//! pipes that nobody else can reach.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::clock::SystemClock;

/// What it is called where it is installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// How long one step may take: a page that loads, a call that begins, on a computer with other work.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take to leave.
const LEAVES_WITHIN: Duration = Duration::from_secs(10);
/// Messages that wait to be looked at: answers, and a few of what it tells unasked.
const WAITING: usize = 256;

/// DevTools reads descriptor 3 and writes descriptor 4. A shell puts our two pipes there, and is then the browser itself.
const SHELL: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;
const FLAGS: [&str; 15] = [
    "--headless=new",
    "--remote-debugging-pipe",
    // It opens pages of the demo alone, and where nobody may make name spaces, in most containers, its sandbox does not
    // start.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-breakpad",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream=fps=10",
    "--autoplay-policy=no-user-gesture-required",
    // As long as there is any network it goes to a relay on loopback anyway.
    "--allow-loopback-in-peer-connection",
];

/// The browser of this computer, if it has one.
pub(super) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let candidates = NAMES.iter().flat_map(|name| directories.iter().map(move |directory| directory.join(name)));
    candidates.into_iter().find(|candidate| candidate.is_file())
}

/// A running browser. It ends with this.
pub(super) struct Browser {
    child: Child,
    to: Option<ChildStdin>,
    from: Receiver<Value>,
    clock: SystemClock,
    number: u64,
}

/// A page of it.
#[derive(Clone, Debug)]
pub(super) struct Page(String);

impl Browser {
    /// Starts it with a fresh profile in the directory `profile`, where it trusts the certificate whose key has the hash `pin`.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn start(program: &Path, profile: &Path, pin: &str, clock: SystemClock) -> anyhow::Result<Self> {
        std::fs::create_dir(profile).context("no directory for its profile")?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SHELL]).arg(program).args(FLAGS);
        command.arg(format!("--user-data-dir={}", profile.display()));
        command.arg(format!("--ignore-certificate-errors-spki-list={pin}")).arg("about:blank");
        // What is the person's own is neither read nor written, and what it leaves behind goes with the profile.
        command.env("HOME", profile).env("TMPDIR", profile);
        for own in ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"] {
            command.env_remove(own);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().context("cannot start a shell")?;
        let (to, out) = (child.stdin.take(), child.stdout.take());
        let (sender, from) = sync_channel(WAITING);
        std::thread::spawn(move || {
            let Some(out) = out else { return };
            let messages = BufReader::new(out).split(0).map_while(Result::ok);
            // Ends with the browser, or when nobody reads any more.
            for message in messages.filter_map(|bytes| serde_json::from_slice(&bytes).ok()) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self { child, to, from, clock, number: 0 };
        browser.call(None, "Browser.getVersion", &json!({})).context("it does not start")?;
        Ok(browser)
    }

    /// A page at `address` in a context of its own: with cookies and a memory of its own, as of another person.
    /// `script` runs in it before the page's own ones.
    ///
    /// # Errors
    /// The browser has gone, or the page cannot be had.
    pub(super) fn open(&mut self, address: &str, script: &str) -> anyhow::Result<Page> {
        let text = |answer: &Value, name: &str| {
            answer.get(name).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("it tells no {name}"))
        };
        let context = self.call(None, "Target.createBrowserContext", &json!({}))?;
        let context = text(&context, "browserContextId")?;
        let blank = json!({ "url": "about:blank", "browserContextId": context });
        let target = text(&self.call(None, "Target.createTarget", &blank)?, "targetId")?;
        let attached = self.call(None, "Target.attachToTarget", &json!({ "targetId": target, "flatten": true }))?;
        let page = Page(text(&attached, "sessionId")?);
        self.call(Some(&page), "Page.enable", &json!({}))?;
        self.call(Some(&page), "Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }))?;
        let loaded = self.call(Some(&page), "Page.navigate", &json!({ "url": address }))?;
        match loaded.get("errorText").and_then(Value::as_str) {
            Some(why) => bail!("the page does not load: {why}"),
            None => Ok(page),
        }
    }

    /// What an expression of the page comes to, once its promise is kept.
    ///
    /// # Errors
    /// The page says that it fails, or takes too long.
    pub(super) fn evaluate(&mut self, page: &Page, expression: &str) -> anyhow::Result<Value> {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.call(Some(page), "Runtime.evaluate", &asked)?;
        if let Some(fault) = answer.pointer("/exceptionDetails/exception/description").and_then(Value::as_str) {
            bail!("{fault}");
        }
        answer.pointer("/result/value").cloned().with_context(|| format!("{expression} comes to nothing"))
    }

    fn call(&mut self, page: Option<&Page>, method: &str, asked: &Value) -> anyhow::Result<Value> {
        self.number = self.number.saturating_add(1);
        let mut message = json!({ "id": self.number, "method": method, "params": asked });
        if let (Some(Page(session)), Some(fields)) = (page, message.as_object_mut()) {
            fields.insert("sessionId".to_owned(), json!(session));
        }
        let gone = || anyhow!("the browser has ended");
        let to = self.to.as_mut().ok_or_else(gone)?;
        to.write_all(format!("{message}\0").as_bytes()).map_err(|_| gone())?;
        let end = self.clock.now().moment + PATIENCE;
        loop {
            let left = end.since(self.clock.now().moment);
            match self.from.recv_timeout(left) {
                Ok(answer) if answer.get("id").and_then(Value::as_u64) == Some(self.number) => {
                    if let Some(why) = answer.pointer("/error/message").and_then(Value::as_str) {
                        bail!("{method}: {why}");
                    }
                    return Ok(answer.get("result").cloned().unwrap_or_default());
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => bail!("nothing has come of it within {} s", PATIENCE.as_secs()),
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(mut to) = self.to.take() {
            // The end of its pipe ends it as well.
            to.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0").ok();
        }
        let end = self.clock.now().moment + LEAVES_WITHIN;
        while self.from.recv_timeout(end.since(self.clock.now().moment)).is_ok() {}
        if let Ok(group) = i32::try_from(self.child.id()) {
            killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
        }
        self.child.wait().ok();
    }
}
