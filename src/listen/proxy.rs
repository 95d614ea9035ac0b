//! Connections through a load balancer, which says in a PROXY header whose they are.
//!
//! Whoever is named as a proxy must send one, and whoever is not is not listened to: so nobody chooses an address for
//! himself, and a balancer that forgets the header does not make one client of all.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::caps::Admitted;
use crate::addr::ClientAddr;
use crate::policy::Network;
use crate::wire::{LARGEST_PROXY, Proxied, proxy_header};

/// Bytes that are looked at in one go: headers without large TLVs come in one piece.
const LOOK: usize = 512;

/// Whose connection it is: the sender's, or that of the client that a proxy speaks for, under whose caps it comes then.
/// `None` if a proxy does not say so until `deadline`, or if the client has too many.
pub(super) async fn client_of(
    socket: &mut TcpStream,
    sender: ClientAddr,
    admitted: &mut Admitted,
    proxies: &[Network],
    deadline: Instant,
) -> Option<ClientAddr> {
    let address = sender.socket().ip();
    if !proxies.iter().any(|network| network.contains(address)) {
        return Some(sender);
    }
    match timeout_at(deadline, read(socket)).await {
        Ok(Some(Some(client))) => admitted.moves_to(client.socket().ip()).then_some(client),
        // It speaks for itself, as for a health check.
        Ok(Some(None)) => Some(sender),
        Ok(None) | Err(_) => {
            admitted.proxy_failed();
            None
        }
    }
}

/// Reads the header and nothing of what follows it, which may be TLS. `None` if it is none.
async fn read(socket: &mut TcpStream) -> Option<Option<ClientAddr>> {
    let mut header = Vec::new();
    let mut look = [0; LOOK];
    // Each turn takes a byte at least, and the parser refuses what is longer than its bound.
    while header.len() < LARGEST_PROXY {
        let taken = header.len();
        let seen = socket.peek(&mut look).await.ok().filter(|seen| *seen > 0)?;
        header.extend_from_slice(look.get(..seen)?);
        let parsed = proxy_header(&header, Proxied::Stream).ok()?;
        let length = parsed.map_or(header.len(), |parsed| parsed.length);
        socket.read_exact(look.get_mut(..length.checked_sub(taken)?)?).await.ok()?;
        if let Some(parsed) = parsed {
            return Some(parsed.client.map(ClientAddr::new));
        }
    }
    None
}
