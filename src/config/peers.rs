//! `[peers]`: who may be relayed to.

use super::section::Section;
use super::server::choice;
use crate::policy::Network;
use crate::turn::StrictPort;

pub(super) const KEYS: [&str; 4] = ["allow", "deny", "lowest_port", "strict_port"];

/// Who may be relayed to, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peers {
    /// Special networks that may be relayed to.
    pub allow: Vec<Network>,
    /// Networks that may not.
    pub deny: Vec<Network>,
    /// The lowest peer port.
    pub lowest_port: u16,
    /// Whose peers are held to the ports that channels are bound to.
    pub strict_port: StrictPort,
}

pub(super) fn read(section: &Section<'_>) -> Peers {
    let lowest_port = section.number("lowest_port", 1..=65_535, 1024);
    Peers {
        allow: networks(section, "allow", true),
        deny: networks(section, "deny", false),
        lowest_port: u16::try_from(lowest_port).unwrap_or(1024),
        strict_port: choice(
            section,
            "strict_port",
            StrictPort::Tokens,
            &StrictPort::ALL.map(|strict| (strict.label(), strict)),
        ),
    }
}

fn networks(section: &Section<'_>, key: &str, allow: bool) -> Vec<Network> {
    let mut networks = Vec::new();
    for (index, text) in section.texts(key).unwrap_or_default().into_iter().enumerate() {
        let key = format!("{key}[{index}]");
        match text.value.parse::<Network>() {
            // A network of prefix 0 can be written with that prefix only.
            Ok(_) if allow && text.value.split_once('/').is_some_and(|(_, prefix)| prefix.parse() == Ok(0)) => {
                let message = "allows every address, and with it loopback, the cloud's metadata service and the inner \
                               network; public addresses need no mention, so name the private networks that peers are in";
                section.fault(text.place, &key, message);
            }
            Ok(network) => networks.push(network),
            Err(why) => section.fault(text.place, &key, why.to_string()),
        }
    }
    networks
}
