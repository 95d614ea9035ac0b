//! `hilum audit example`: a day of a small relay, to practise on before it matters.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::ExampleArgs;
use crate::audit::fact::{
    CallBegun, CallEnded, ConfigurationChanged, NodeStarted, NodeStopped, OperatorAction, Revocable, Revoked,
    SealResult, Transports,
};
use crate::audit::{Audit, Day, Digest, MasterKey, Rotation, Settings, SigningKey, WhenFailing};
use crate::clock::SystemClock;

/// Visits in the example.
const VISITS: u64 = 12;

pub(super) fn run(args: &ExampleArgs) -> anyhow::Result<ExitCode> {
    let directory = &args.directory;
    std::fs::create_dir(directory).with_context(|| format!("{}", directory.display()))?;
    let log = directory.join("log");
    let key = SigningKey::read_or_make(&directory.join("signing.pem"))?;
    let fingerprint = key.public().fingerprint();
    let names = MasterKey::read_or_make(&directory.join("pseudonym.key"))?;
    let audit = Audit::open(Settings {
        directory: log.clone(),
        region: "eu-north".parse()?,
        key,
        rotation: Rotation { bytes: 4096, ..Rotation::default() },
        when_failing: WhenFailing::Continue,
        syslog: None,
    })?;
    tell(&audit, &names)?;
    if !audit.sync() {
        bail!("{}: the disk does not take the log", log.display());
    }
    audit.close();
    let mut out = io::stdout().lock();
    writeln!(out, "log          {}", log.display())?;
    writeln!(out, "fingerprint  {fingerprint}")?;
    writeln!(out, "The calls in it have the ids visit-1 to visit-{VISITS}.")?;
    Ok(ExitCode::SUCCESS)
}

/// What happened that day.
fn tell(audit: &Audit, names: &MasterKey) -> anyhow::Result<()> {
    let region: crate::audit::Label = "eu-north".parse()?;
    let today = Day::of(SystemClock::start().now().unix);
    let operator: crate::audit::Label = "uid:1000".parse()?;
    audit.record(NodeStarted {
        node: "relay-1".parse()?,
        region: region.clone(),
        version: env!("CARGO_PKG_VERSION").parse()?,
        configuration: Digest::of(b"the configuration"),
    });
    for visit in 1..=VISITS {
        let call = names.pseudonym(format!("visit-{visit}").as_bytes(), today);
        audit.record(CallBegun { call, region: region.clone() });
        // Small files follow each other only if the writer gets to see what there is so far.
        if !audit.sync() {
            break;
        }
        audit.record(CallEnded {
            call,
            region: region.clone(),
            seconds: 600 + 60 * visit,
            transports: Transports { udp: 2, tcp: 0, tls: u32::from(visit % 4 == 0) },
            bytes_up: 120_000_000 + visit * 1_000_000,
            bytes_down: 118_000_000 + visit * 900_000,
            seal: SealResult::Sealed,
            handshakes: vec!["1.3/encrypted".parse()?],
            refused: 0,
            cause: "deleted".parse()?,
        });
        audit.refused("peer/special", visit % 3);
    }
    let token = names.pseudonym(b"token-7", today);
    audit.record(OperatorAction {
        action: "calls.list".parse()?,
        subject: None,
        role: "viewer".parse()?,
        actor: operator.clone(),
    });
    audit.record(Revoked {
        what: Revocable::Token,
        subject: Some(token),
        key: None,
        ended: 2,
        actor: operator.clone(),
    });
    audit.record(ConfigurationChanged {
        configuration: Digest::of(b"the configuration after a change"),
        keys: vec!["limits.allocations_per_user".parse()?],
        actor: operator,
    });
    audit.record(NodeStopped { reason: "signal".parse()?, seconds: 28_800 });
    Ok(())
}
