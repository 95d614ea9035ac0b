//! `hilum serve`: the relay, until it is told to stop.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{self, App};
use crate::clock::SystemClock;
use crate::config::{self, Config, DEFAULT_PATH, Effect};
use crate::log;
use crate::manager::{Sockets, Store};
use crate::plane;
use crate::policy::seal::Mode;

/// Threads for TCP, TLS and HTTP; datagrams have their own.
const EDGE_THREADS: usize = 2;

/// Runs the relay until SIGTERM or Ctrl-C; SIGHUP reloads the configuration and the certificate
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

/// Runs `hilum serve`.
///
/// # Errors
/// The configuration is wrong, or the relay cannot be started.
pub fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    // Before the runtime, whose threads would have opened descriptors of their own.
    let inherited = plane::inherited().context("what the service manager has handed over cannot be taken")?;
    let config = config::read(&args.config)?;
    log::start(config.log)?;
    end_on_panic();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(EDGE_THREADS).enable_all().build()?;
    let sockets = Sockets::new(inherited, Store::of_this_process());
    runtime.block_on(serve(config, sockets, &args.config))
}

/// A relay with a dead shard would look alive and serve nobody: a panic anywhere ends the process, and its supervisor
/// starts it again.
fn end_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::abort();
    }));
}

async fn serve(config: Config, sockets: Sockets, file: &Path) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new().context("the system takes no signal handlers")?;
    let shards = config.shards;
    let mut app = app::resume(config, SystemClock::start(), sockets).await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), shards, "serving");
    say_seal(app.seal_mode());
    notify(&[NotifyState::Ready]);
    let mut watchdog = Watchdog::new();
    let restarts = loop {
        tokio::select! {
            () = watchdog.wait() => watchdog.feed(&app),
            _ = signals.reload.recv() => reload(&mut app, file),
            _ = signals.restart.recv() => break true,
            () = stopped(&mut signals.terminate, &mut signals.interrupt) => break false,
        }
    };
    notify(&[NotifyState::Stopping]);
    if restarts {
        tracing::info!("handing over to the next process");
        app.leave().await;
        return Ok(ExitCode::SUCCESS);
    }
    let grace = app.grace();
    tracing::info!("stopping: no new allocations; running ones have {} s", grace.as_secs());
    let left = {
        let mut drained = core::pin::pin!(app.drain(grace));
        loop {
            tokio::select! {
                left = &mut drained => break left,
                () = watchdog.wait() => watchdog.feed(&app),
                // Told twice: at once.
                () = stopped(&mut signals.terminate, &mut signals.interrupt) => break app.allocations(),
            }
        }
    };
    app.stop().await;
    tracing::info!(ended = left, "stopped");
    Ok(ExitCode::SUCCESS)
}

/// The old configuration stays if the new one is bad.
fn reload(app: &mut App, file: &Path) {
    notify(&[NotifyState::Reloading]);
    match config::read(file).map_err(anyhow::Error::from).and_then(|config| app.reload(config)) {
        Ok(changes) => {
            for change in &changes {
                match change.effect {
                    Effect::Applied => tracing::info!(key = change.key, "reloaded"),
                    Effect::NeedsRestart => tracing::warn!(key = change.key, "changed, and holds after a restart"),
                }
            }
            tracing::info!(changes = changes.len(), "configuration and certificate reloaded");
            say_seal(app.seal_mode());
        }
        Err(error) => {
            app.reload_refused();
            // Faults speak of files, keys and bounds; no value of a secret is in them.
            tracing::error!("reload refused, the old configuration stays: {error:#}");
        }
    }
    notify(&[NotifyState::Ready]);
}

/// A relay that does not enforce the seal says so whenever somebody may look.
fn say_seal(mode: Mode) {
    match mode {
        Mode::Enforce => {}
        Mode::Report => tracing::warn!("the seal reports and stops nothing; see hilum_seal_reported_total"),
        Mode::Off => tracing::warn!("the seal is off: whatever clients send is relayed, unencrypted media included"),
    }
}

struct Signals {
    reload: Signal,
    /// The next process is about to start.
    restart: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            reload: signal(SignalKind::hangup())?,
            restart: signal(SignalKind::user_defined2())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

async fn stopped(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Tells the supervisor that all shards live, twice in the time it allows, if it wants to know.
struct Watchdog {
    every: Option<tokio::time::Interval>,
}

impl Watchdog {
    fn new() -> Self {
        let every = sd_notify::watchdog_enabled().map(|time| (time / 2).max(Duration::from_millis(100)));
        Self { every: every.map(tokio::time::interval) }
    }

    async fn wait(&mut self) {
        match &mut self.every {
            Some(every) => {
                every.tick().await;
            }
            None => core::future::pending().await,
        }
    }

    fn feed(&self, app: &App) {
        let hanging = app.health().hanging();
        if hanging.is_empty() {
            notify(&[NotifyState::Watchdog]);
        } else {
            tracing::error!(?hanging, "these shards do not turn; the supervisor is not told that all is well");
        }
    }
}

/// Without a supervisor this does nothing; a supervisor that is gone is nothing to stop for.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the supervisor cannot be told");
    }
}
