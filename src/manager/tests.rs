//! Sockets as a service manager hands them over.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;

use super::*;

fn udp() -> (OwnedFd, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket.into(), address)
}

/// Several sockets of one address, in their order.
fn group(count: usize) -> (Vec<OwnedFd>, SocketAddr) {
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bind = |_| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        socket.set_reuse_port(true).unwrap();
        socket.bind(&address.into()).unwrap();
        address = socket.local_addr().unwrap().as_socket().unwrap();
        OwnedFd::from(socket)
    };
    ((0..count).map(bind).collect(), address)
}

fn sockets(inherited: Vec<(OwnedFd, String)>) -> Sockets {
    Sockets::new(inherited, Store::default())
}

fn numbers(sockets: &[OwnedFd]) -> Vec<i32> {
    sockets.iter().map(AsRawFd::as_raw_fd).collect()
}

#[test]
fn sockets_that_were_kept_come_back_in_the_order_of_their_shards() {
    let (group, address) = group(3);
    let order = numbers(&group);
    let mut named: Vec<_> =
        group.into_iter().zip(0..).map(|(socket, shard)| (socket, names::datagram(4, shard))).collect();
    named.reverse();
    let mut all = sockets(named);
    assert_eq!(numbers(&all.datagrams(address, 3).unwrap().unwrap()), order);
    assert!(all.datagrams(address, 3).unwrap().is_none(), "they are given once");
    assert_eq!(all.names.group(), 5, "a new name is another");
}

#[test]
fn sockets_for_another_number_of_shards_are_closed() {
    for shards in [1, 3] {
        let (group, address) = group(2);
        let named = group.into_iter().zip(0..).map(|(socket, shard)| (socket, names::datagram(0, shard))).collect();
        assert!(sockets(named).datagrams(address, shards).unwrap().is_none());
        assert!(UdpSocket::bind(address).is_ok(), "{shards}: the address is free again");
    }
}

#[test]
fn a_socket_unit_opens_as_many_as_there_are_shards_or_none() {
    let (group, address) = group(2);
    let order = numbers(&group);
    let unit = |group: &[OwnedFd]| {
        let each = |socket: &OwnedFd| (socket.try_clone().unwrap(), "hilum.socket".to_owned());
        sockets(group.iter().map(each).collect())
    };
    let misfit = MisfitGroup { address, sockets: 2, shards: 4 };
    assert_eq!(unit(&group).datagrams(address, 4).unwrap_err(), misfit);
    assert!(misfit.to_string().contains("4 times with ReusePort=yes"), "{misfit}");
    let given = unit(&group).datagrams(address, 2).unwrap().unwrap();
    assert_eq!(given.len(), order.len());
    assert!(unit(&group).datagrams(udp().1, 2).unwrap().is_none());
}

#[test]
fn a_wildcard_of_a_socket_unit_accepts_for_every_address_that_it_covers() {
    let both = TcpListener::bind("[::]:0").unwrap();
    let port = both.local_addr().unwrap().port();
    let mut all = sockets(vec![(both.into(), "hilum.socket".to_owned())]);
    let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), port);
    let other = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port.wrapping_add(1));
    assert!(matches!(all.stream(other), Listening::Nowhere));
    assert!(matches!(all.stream(at("192.0.2.1")), Listening::At(_)));
    assert!(matches!(all.stream(at("2001:db8::1")), Listening::Covered));
    assert!(matches!(all.stream(other), Listening::Nowhere));
    assert_eq!(all.settle(), 0);

    let four = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = four.local_addr().unwrap().port();
    let mut all = sockets(vec![(four.into(), "hilum.socket".to_owned())]);
    assert!(matches!(all.stream(SocketAddr::new("::1".parse().unwrap(), port)), Listening::Nowhere));
    assert_eq!(all.settle(), 1, "what nobody asked for is told of");
}

/// A listening socket that a process before has kept.
fn kept_stream(address: SocketAddr) -> (Sockets, u16) {
    let listener = TcpListener::bind(address).unwrap();
    let port = listener.local_addr().unwrap().port();
    (sockets(vec![(listener.into(), names::stream(0))]), port)
}

// Who is told to listen on less must not listen on as much as before.
#[test]
fn a_wildcard_that_was_kept_is_for_nothing_but_the_wildcard() {
    for wildcard in ["0.0.0.0:0", "[::]:0"] {
        let (mut all, port) = kept_stream(wildcard.parse().unwrap());
        assert!(matches!(all.stream(SocketAddr::from((Ipv4Addr::LOCALHOST, port))), Listening::Nowhere), "{wildcard}");
    }
    let (mut all, port) = kept_stream("0.0.0.0:0".parse().unwrap());
    let at = |ip: Ipv4Addr, port| SocketAddr::from((ip, port));
    assert!(matches!(all.stream(at(Ipv4Addr::UNSPECIFIED, port)), Listening::At(_)));
    assert!(matches!(all.stream(at(Ipv4Addr::LOCALHOST, port)), Listening::Nowhere), "and it covers nothing");
}

// Else the bind fails, and so does every start after it, since the manager hands the same sockets over again.
#[test]
fn what_was_kept_is_not_in_the_way_of_a_wider_or_narrower_address() {
    let at = |ip: Ipv4Addr, port| SocketAddr::from((ip, port));
    for (before, after) in [(Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED), (Ipv4Addr::UNSPECIFIED, Ipv4Addr::LOCALHOST)]
    {
        let (mut all, port) = kept_stream(at(before, 0));
        assert!(matches!(all.stream(at(after, port.wrapping_add(1))), Listening::Nowhere), "another port");
        assert!(TcpListener::bind(at(after, port)).is_err());
        assert!(matches!(all.stream(at(after, port)), Listening::Nowhere));
        assert!(TcpListener::bind(at(after, port)).is_ok(), "{before} was closed");

        let socket = UdpSocket::bind(at(before, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let mut all = sockets(vec![(socket.into(), names::datagram(0, 0))]);
        assert!(all.datagrams(at(after, port), 1).unwrap().is_none());
        assert!(UdpSocket::bind(at(after, port)).is_ok(), "{before} was closed");
    }
    let (mut all, port) = kept_stream(at(Ipv4Addr::LOCALHOST, 0));
    let both = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, port));
    assert!(matches!(all.stream(both), Listening::Nowhere));
    assert!(TcpListener::bind(both).is_ok(), "a wildcard for both families");
}

#[test]
fn a_file_and_the_ports_of_running_calls_are_found_by_what_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("operator.sock");
    let file = UnixListener::bind(&path).unwrap();
    let ((relayed, at), (other, elsewhere)) = (udp(), udp());
    // A connection is nothing to listen on, and neither is a pipe.
    let connection = std::net::TcpStream::connect(TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let mut all = sockets(vec![
        (file.into(), "hilum.socket".to_owned()),
        (relayed, names::RELAYED.to_owned()),
        (other, "hilum.socket".to_owned()),
        (std::io::pipe().unwrap().0.into(), names::stream(2)),
    ]);
    drop(connection);
    assert!(all.file(directory.path()).is_none());
    assert!(all.file(&path).is_some() && all.file(&path).is_none());
    assert!(all.relayed(elsewhere).is_none(), "what a unit opens is no port of a call");
    assert!(all.relayed(at).is_some() && all.relayed(at).is_none());
}
