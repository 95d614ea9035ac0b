//! The addresses of this host: what wildcards stand for, and where relayed ports are opened by default.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

/// What a configuration needs to know of the host it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Every address of every interface.
    pub addresses: Vec<IpAddr>,
    /// The addresses that packets to the world leave from by the default routes: at most one of each family.
    pub default_sources: Vec<IpAddr>,
    /// CPUs that this process may use, at least 1.
    pub cpus: usize,
    /// The numbers of those CPUs. A quota may leave fewer threads' worth of them.
    pub cores: Vec<usize>,
}

impl Host {
    /// Asks the system.
    ///
    /// # Errors
    /// The list of interfaces cannot be had.
    pub fn survey() -> io::Result<Self> {
        let mut addresses = Vec::new();
        for interface in nix::ifaddrs::getifaddrs()? {
            let Some(address) = interface.address else { continue };
            let ip = match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
                (Some(v4), _) => IpAddr::V4(v4.ip()),
                (None, Some(v6)) => IpAddr::V6(v6.ip()),
                (None, None) => continue,
            };
            if !addresses.contains(&ip) {
                addresses.push(ip);
            }
        }
        // Addresses of documentation (RFC 5737, RFC 3849): only a default route leads there.
        let far: [(IpAddr, IpAddr); 2] = [
            (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
            (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
        ];
        let default_sources = far.into_iter().filter_map(|(any, far)| source_towards(any, far)).collect();
        // Without an answer one thread relays; that is slow, and not wrong.
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let cores = (0..CpuSet::count()).filter(|&core| allowed.is_set(core) == Ok(true)).collect();
        Ok(Self { addresses, default_sources, cpus, cores })
    }

    /// The addresses that a wildcard of `family` stands for: loopback is among them, so that a health check on the host
    /// itself works; IPv6 link-local addresses are not, since they mean nothing without an interface.
    pub(super) fn of_family(&self, family: IpAddr) -> impl Iterator<Item = IpAddr> + '_ {
        self.addresses
            .iter()
            .copied()
            .filter(move |address| address.is_ipv4() == family.is_ipv4() && !is_link_local(*address))
    }

    /// Whether packets to `address` reach this host: all of 127.0.0.0/8 does.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address) || (address.is_ipv4() && address.is_loopback())
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// The address that the system would send from. Connecting a UDP socket sends nothing.
fn source_towards(any: IpAddr, far: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    // Port 9 is "discard"; no packet leaves.
    socket.connect(SocketAddr::new(far, 9)).ok()?;
    let source = socket.local_addr().ok()?.ip();
    (!source.is_unspecified() && !source.is_loopback() && !is_link_local(source)).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_loopback_and_sources_of_its_own() {
        let host = Host::survey().unwrap();
        assert!(host.addresses.contains(&Ipv4Addr::LOCALHOST.into()) && host.cpus >= 1);
        assert!(host.cores.len() >= host.cpus, "{host:?}");
        assert!(host.default_sources.iter().all(|source| host.addresses.contains(source)), "{host:?}");
        assert!(host.default_sources.iter().filter(|source| source.is_ipv4()).count() <= 1);
    }

    #[test]
    fn a_wildcard_stands_for_its_family_without_link_local() {
        let addresses = ["127.0.0.1", "10.0.0.5", "::1", "fe80::1", "2001:db8::5"].map(|ip| ip.parse().unwrap());
        let host = Host { addresses: addresses.to_vec(), ..Host::default() };
        let of = |any: IpAddr| host.of_family(any).map(|ip| ip.to_string()).collect::<Vec<_>>();
        assert_eq!(of(Ipv4Addr::UNSPECIFIED.into()), ["127.0.0.1", "10.0.0.5"]);
        assert_eq!(of(Ipv6Addr::UNSPECIFIED.into()), ["::1", "2001:db8::5"]);
        assert!(host.has("127.9.9.9".parse().unwrap()) && !host.has("10.0.0.6".parse().unwrap()));
    }
}
