//! The system calls that no safe wrapper offers: batches of datagrams, the error queue, per-socket "don't fragment", the
//! system's randomness, and the descriptors that a process begins with. The only file of this crate with `unsafe` in it;
//! everything it exports is safe.
#![expect(unsafe_code, reason = "recvmmsg, sendmmsg and control messages have no safe wrapper that does not copy")]

use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_int;
use core::mem;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use core::ptr;
use std::alloc::System;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::addr::Family;
use crate::turn::Slot;

/// Datagrams in one turn, and in one call, at most. 128 datagrams of a video call are about 160 KiB, which stays in a
/// second-level cache, and half of them are room for eight relayed ports with a burst of eight each; larger batches win
/// nothing more per call and add delay.
pub(super) const BATCH: usize = 128;

/// Bytes of a datagram that may leave in one message with others: what fits every Ethernet in either family. The system
/// refuses segments that are larger than the path.
const LARGEST_SEGMENT: usize = 1452;
/// Bytes of a message with several segments: what an IPv4 datagram can have.
const LARGEST_TRAIN: usize = 65_000;
/// Segments of a message: what the first systems with `UDP_SEGMENT` take.
const LONGEST_TRAIN: usize = 64;

/// Room for one socket address of either family.
#[repr(C)]
#[derive(Clone, Copy)]
union Name {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

#[expect(clippy::cast_possible_truncation, reason = "sizes of C structs, all below 256 bytes")]
const NAME: libc::socklen_t = size_of::<Name>() as libc::socklen_t;

impl Name {
    fn empty() -> Self {
        // SAFETY: all bytes zero is a valid value of every field.
        unsafe { mem::zeroed() }
    }

    /// The C form of an address, and its length.
    #[expect(clippy::cast_possible_truncation, reason = "address families and sizes of C structs are small constants")]
    fn of(address: SocketAddr) -> (Self, libc::socklen_t) {
        let mut name = Self::empty();
        match address {
            SocketAddr::V4(v4) => {
                name.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                    sin_zero: [0; 8],
                };
                (name, size_of::<libc::sockaddr_in>() as libc::socklen_t)
            }
            SocketAddr::V6(v6) => {
                name.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: v6.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                    sin6_scope_id: v6.scope_id(),
                };
                (name, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
            }
        }
    }

    /// The address in it; `None` if the system wrote another family or nothing.
    fn read(&self, length: libc::socklen_t) -> Option<SocketAddr> {
        let length = usize::try_from(length).ok()?;
        if length < size_of::<libc::sockaddr_in>() {
            return None;
        }
        // SAFETY: every bit pattern is a valid family, and a `Name` is zeroed when made.
        match c_int::from(unsafe { self.family }) {
            libc::AF_INET => {
                // SAFETY: the family says which field was written; every bit pattern of it is valid.
                let v4 = unsafe { self.v4 };
                let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 if length >= size_of::<libc::sockaddr_in6>() => {
                // SAFETY: as above.
                let v6 = unsafe { self.v6 };
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), v6.sin6_flowinfo, v6.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}

/// The control message that says how long the segments of a message are: `UDP_SEGMENT` on the way out, `UDP_GRO` on the way
/// in. No other is asked for on these sockets. Laid out as the system wants it: a header, and a value padded to 8 bytes.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Segmented {
    length: usize,
    level: c_int,
    kind: c_int,
    value: [u8; 8],
}

/// What was received with one message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    /// Bytes in the slot's receive area.
    pub(super) length: usize,
    /// Bytes of each datagram in it but the last, which may be shorter; 0 if it is one datagram.
    pub(super) segment: usize,
    /// Who sent it.
    pub(super) from: SocketAddr,
}

/// Room for the headers of one batch, made once and used for every call.
pub(super) struct Batch {
    headers: [libc::mmsghdr; BATCH],
    parts: [libc::iovec; BATCH],
    names: [Name; BATCH],
    controls: [Segmented; BATCH],
    /// How many datagrams each header is for, of as many headers as were sent last.
    trains: [u8; BATCH],
    count: usize,
}

// SAFETY: the pointers in `headers` and `parts` are written anew before each system call and not followed after it, so it
// does not matter which thread the batch is on.
unsafe impl Send for Batch {}

impl Batch {
    /// Boxed: it is about 17 KiB.
    pub(super) fn new() -> Box<Self> {
        // SAFETY: zeroed C structs: null pointers with length zero.
        Box::new(unsafe { mem::zeroed() })
    }

    fn point(&mut self, at: usize, name: (Name, libc::socklen_t), base: *mut u8, length: usize) {
        let (Some(header), Some(part), Some(place), Some(control)) =
            (self.headers.get_mut(at), self.parts.get_mut(at), self.names.get_mut(at), self.controls.get_mut(at))
        else {
            return;
        };
        *place = name.0;
        *part = libc::iovec { iov_base: base.cast(), iov_len: length };
        header.msg_len = 0;
        header.msg_hdr.msg_name = ptr::from_mut(place).cast();
        header.msg_hdr.msg_namelen = name.1;
        header.msg_hdr.msg_iov = ptr::from_mut(part);
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_control = ptr::from_mut(control).cast();
        header.msg_hdr.msg_controllen = size_of::<Segmented>();
        header.msg_hdr.msg_flags = 0;
    }

    /// Receives into the slots' receive areas without waiting; returns how many were filled. The slots still have to be
    /// told with [`Slot::fill`]; [`Batch::received`] says what. One slot costs a fifth less than the first of several.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>, slots: &mut [Slot]) -> io::Result<usize> {
        let mut count = 0;
        for slot in slots.iter_mut().take(BATCH) {
            let area = slot.receive_area();
            let (base, length) = (area.as_mut_ptr(), area.len());
            self.point(count, (Name::empty(), NAME), base, length);
            count += 1;
        }
        if count == 1
            && let Some(header) = self.headers.first_mut()
        {
            // SAFETY: the first header points into `self` and one slot's receive area, as below.
            let length =
                unsafe { libc::recvmsg(socket.as_raw_fd(), ptr::from_mut(&mut header.msg_hdr), libc::MSG_DONTWAIT) };
            header.msg_len = u32::try_from(length).map_err(|_| io::Error::last_os_error())?;
            return Ok(1);
        }
        // SAFETY: the first `count` headers point into `self.names`, `self.parts`, `self.controls` and the receive areas of
        // distinct slots, all of which are borrowed mutably until the call returns. `count` is at most BATCH.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                libc::c_uint::try_from(count).unwrap_or(0),
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        usize::try_from(received).map_err(|_| io::Error::last_os_error())
    }

    /// What the message at `at` of the last [`Batch::receive`] is; `None` if it has no sender, or was cut off, which
    /// cannot happen: the area takes the largest, and the control message has its room.
    pub(super) fn received(&self, at: usize) -> Option<Received> {
        let header = self.headers.get(at)?;
        if header.msg_hdr.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0 {
            return None;
        }
        let from = self.names.get(at)?.read(header.msg_hdr.msg_namelen)?;
        let length = usize::try_from(header.msg_len).ok()?;
        let segment = match header.msg_hdr.msg_controllen {
            0 => 0,
            _ => self.controls.get(at)?.segment().unwrap_or(0),
        };
        Some(Received { length, segment, from })
    }

    /// Sends the messages of the slots named by `order`, each to its address in `to`, without waiting. Returns how many
    /// the system took: at least one; the error is the first one's.
    ///
    /// `trains`: neighbours of one length that go to one address leave in one message, which the system takes apart at
    /// the last moment (generic segmentation offload). It goes through the system once, and arrives as several.
    pub(super) fn send(
        &mut self,
        socket: BorrowedFd<'_>,
        slots: &[Slot],
        order: &[u8],
        to: &[SocketAddr],
        trains: bool,
    ) -> io::Result<usize> {
        let message = |index: u8| slots.get(usize::from(index)).map(Slot::message);
        let address = |index: u8| to.get(usize::from(index)).copied();
        let (mut count, mut used) = (0, 0);
        let mut rest = order.get(..order.len().min(BATCH)).unwrap_or_default();
        while let Some(&first) = rest.first() {
            let (Some(whole), Some(target)) = (message(first), address(first)) else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            let joins = |index: &&u8| {
                message(**index).is_some_and(|each| each.len() == whole.len()) && address(**index) == Some(target)
            };
            let most = match whole.len() {
                length @ 1..=LARGEST_SEGMENT if trains => (LARGEST_TRAIN / length).min(LONGEST_TRAIN),
                _ => 1,
            };
            let mut length = rest.iter().take(most).take_while(joins).count();
            // The last one of a train may be shorter.
            if length < most
                && let Some(&last) = rest.get(length)
                && address(last) == Some(target)
                && message(last).is_some_and(|last| (1..whole.len()).contains(&last.len()))
                && most > 1
            {
                length += 1;
            }
            let (train, others) = rest.split_at_checked(length.max(1)).unwrap_or((rest, &[]));
            for (part, &index) in self.parts.iter_mut().skip(used).zip(train) {
                let message = message(index).unwrap_or_default();
                *part = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
            }
            self.couple(count, Name::of(target), used, train.len(), whole.len());
            used += train.len();
            count += 1;
            rest = others;
        }
        self.count = count;
        // SAFETY: the first `count` headers point into `self`, each to as many parts as it has datagrams, and those into
        // messages of slots that stay borrowed until the call returns; sendmmsg only reads what the iovecs point to.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                libc::c_uint::try_from(count).unwrap_or(0),
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
        let sent = usize::try_from(sent).map_err(|_| io::Error::last_os_error())?;
        Ok(self.trains.iter().take(sent).map(|&train| usize::from(train)).sum())
    }

    /// How many datagrams the first message of the last [`Batch::send`] was made of.
    pub(super) fn first_train(&self) -> usize {
        self.trains.first().map_or(0, |&train| usize::from(train))
    }

    /// How many datagrams each message of the last [`Batch::send`] was made of.
    #[cfg(test)]
    pub(super) fn trains(&self) -> &[u8] {
        self.trains.get(..self.count).unwrap_or_default()
    }

    /// Points the header at `at` to `length` parts from `first` on, in segments of `segment` bytes if they are several.
    fn couple(&mut self, at: usize, name: (Name, libc::socklen_t), first: usize, length: usize, segment: usize) {
        let (Some(header), Some(place), Some(control), Some(train)) =
            (self.headers.get_mut(at), self.names.get_mut(at), self.controls.get_mut(at), self.trains.get_mut(at))
        else {
            return;
        };
        let Some(parts) = self.parts.get_mut(first..).filter(|parts| parts.len() >= length) else { return };
        *place = name.0;
        // At most LONGEST_TRAIN.
        *train = u8::try_from(length).unwrap_or(u8::MAX);
        header.msg_len = 0;
        header.msg_hdr.msg_name = ptr::from_mut(place).cast();
        header.msg_hdr.msg_namelen = name.1;
        header.msg_hdr.msg_iov = parts.as_mut_ptr();
        header.msg_hdr.msg_iovlen = length;
        header.msg_hdr.msg_flags = 0;
        header.msg_hdr.msg_control = ptr::null_mut();
        header.msg_hdr.msg_controllen = 0;
        if length > 1 {
            *control = Segmented::into(u16::try_from(segment).unwrap_or(0));
            header.msg_hdr.msg_control = ptr::from_mut(control).cast();
            header.msg_hdr.msg_controllen = size_of::<Segmented>();
        }
    }
}

impl Segmented {
    /// The control message for segments of so many bytes.
    const fn into(segment: u16) -> Self {
        let [one, other] = segment.to_ne_bytes();
        let length = mem::offset_of!(Self, value) + size_of::<u16>();
        Self { length, level: libc::SOL_UDP, kind: libc::UDP_SEGMENT, value: [one, other, 0, 0, 0, 0, 0, 0] }
    }

    /// The length that the system wrote, of a message that it received in segments.
    fn segment(&self) -> Option<usize> {
        let &value = self.value.first_chunk()?;
        let is_segment = (self.level, self.kind) == (libc::SOL_UDP, libc::UDP_GRO);
        usize::try_from(c_int::from_ne_bytes(value)).ok().filter(|_| is_segment)
    }
}

/// Sends one datagram without waiting.
pub(super) fn send_one(socket: BorrowedFd<'_>, message: &[u8], to: SocketAddr) -> io::Result<()> {
    let (name, length) = Name::of(to);
    // SAFETY: pointers and lengths of a borrowed slice and of a local that outlives the call.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            message.as_ptr().cast(),
            message.len(),
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            ptr::from_ref(&name).cast(),
            length,
        )
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What the error queue of a socket says about one datagram that it sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueuedError {
    /// Where the datagram went.
    pub(super) to: SocketAddr,
    /// `SO_EE_ORIGIN_*`: who says so.
    pub(super) origin: u8,
    /// The ICMP type.
    pub(super) kind: u8,
    /// The ICMP code.
    pub(super) code: u8,
    /// The MTU, if that was exceeded.
    pub(super) info: u32,
    /// The error as the system names it.
    pub(super) errno: u32,
}

/// Takes the oldest entry off a socket's error queue (`IP_RECVERR`); `None` when there is none or it makes no sense.
pub(super) fn take_error(socket: BorrowedFd<'_>) -> Option<QueuedError> {
    /// Room for one extended error with the offender's address, and some to spare.
    #[repr(C, align(8))]
    struct Control([u8; 256]);
    let mut control = Control([0; 256]);
    let mut name = Name::empty();
    // SAFETY: zeroed C struct: null pointers with length zero.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_name = ptr::from_mut(&mut name).cast();
    header.msg_namelen = NAME;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len();
    // SAFETY: the header points to locals that outlive the call; there is no iovec, the payload is cut off.
    let received = unsafe {
        libc::recvmsg(socket.as_raw_fd(), ptr::from_mut(&mut header), libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT)
    };
    if received < 0 {
        return None;
    }
    let to = name.read(header.msg_namelen)?;
    // SAFETY: the kernel filled `control` and set `msg_controllen`; the macros stay inside that length.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(ptr::from_ref(&header)) };
    while !next.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR return null or a pointer to a whole header inside `control`, aligned to 8.
        let message = unsafe { next.read() };
        let is_error = matches!(
            (message.cmsg_level, message.cmsg_type),
            (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
        );
        // SAFETY: CMSG_LEN only computes.
        let needed = unsafe { libc::CMSG_LEN(size_of::<libc::sock_extended_err>() as libc::c_uint) };
        if is_error && usize::try_from(needed).is_ok_and(|needed| message.cmsg_len >= needed) {
            // SAFETY: the kernel wrote a sock_extended_err there, and the length was checked.
            let error = unsafe { libc::CMSG_DATA(next).cast::<libc::sock_extended_err>().read_unaligned() };
            let (origin, kind, code) = (error.ee_origin, error.ee_type, error.ee_code);
            return Some(QueuedError { to, origin, kind, code, info: error.ee_info, errno: error.ee_errno });
        }
        // SAFETY: as for CMSG_FIRSTHDR.
        next = unsafe { libc::CMSG_NXTHDR(ptr::from_ref(&header), next) };
    }
    None
}

/// Sets whether datagrams of a socket may be fragmented. With `true` the DF bit is set and the path's MTU obeyed; with
/// `false` the bit is clear and the path's MTU, which strangers can forge, is ignored (RFC 8656 §15).
pub(super) fn set_dont_fragment(socket: BorrowedFd<'_>, family: Family, wanted: bool) -> io::Result<()> {
    let (level, option, value) = match (family, wanted) {
        (Family::V4, true) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO),
        (Family::V4, false) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT),
        (Family::V6, true) => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DO),
        (Family::V6, false) => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DONT),
    };
    set_option(socket, level, option, value)
}

/// Has reads of a socket look for packets in the network interface for so many microseconds (`SO_BUSY_POLL`).
pub(super) fn set_busy_poll(socket: BorrowedFd<'_>, microseconds: u16) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_BUSY_POLL, microseconds.into())
}

fn set_option(socket: BorrowedFd<'_>, level: c_int, option: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: the option's value is an int that outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            ptr::from_ref(&value).cast(),
            size_of::<c_int>() as libc::socklen_t,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Has waiting in an epoll set look there for so many microseconds (`EPIOCSPARAMS`, Linux 6.9).
pub(super) fn set_busy_wait(epoll: BorrowedFd<'_>, microseconds: u16) -> io::Result<()> {
    // SAFETY: zeroed C struct of plain numbers.
    let mut params: libc::epoll_params = unsafe { mem::zeroed() };
    params.busy_poll_usecs = microseconds.into();
    // Packets at a time; more would need CAP_NET_ADMIN.
    params.busy_poll_budget = 64;
    // SAFETY: the kernel reads a struct epoll_params, which outlives the call; on another descriptor, or if it is older,
    // it refuses the number.
    let result = unsafe { libc::ioctl(epoll.as_raw_fd(), libc::EPIOCSPARAMS, ptr::from_ref(&params)) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// How an option of a socket is set, for tests of what sets it.
#[cfg(test)]
pub(super) fn option(socket: BorrowedFd<'_>, level: c_int, option: c_int) -> c_int {
    let mut value: c_int = -1;
    let mut length = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the option's value is an int; pointer and length are a local's.
    unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, option, ptr::from_mut(&mut value).cast(), &raw mut length);
    }
    value
}

/// Fills `bytes` from the system's source of randomness, 256 bytes at most in one call.
///
/// # Errors
/// The system has none (a sandbox without getrandom).
pub(super) fn random(bytes: &mut [u8]) -> io::Result<()> {
    for chunk in bytes.chunks_mut(256) {
        // SAFETY: pointer and length of a slice that is borrowed mutably.
        let written = unsafe { libc::getrandom(chunk.as_mut_ptr().cast(), chunk.len(), 0) };
        // Up to 256 bytes come whole once the source is ready, whatever signals arrive.
        if usize::try_from(written).ok() != Some(chunk.len()) {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// The descriptors that the service manager started this process with (`sd_listen_fds(3)`), each with its name. They are
/// closed in children, who do not hear of them either. The second call finds none.
///
/// # Errors
/// The manager's variables make no sense, one of the descriptors is not open, or a thread runs already, which might read
/// the variables at this moment or have opened descriptors of those numbers.
pub fn inherited() -> io::Result<Vec<(OwnedFd, String)>> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("descriptors can be taken over before any thread is started only"));
    }
    // SAFETY: this is the only thread of the process, as the kernel says, so nobody reads the environment meanwhile.
    let named: Vec<_> = unsafe { sd_notify::listen_fds_with_names_and_unset_env() }?.collect();
    // SAFETY: the manager opened these for this process (LISTEN_PID), they are open, since the call before has set a flag
    // of each, and nobody owns them: the variables that name them have just been taken away.
    Ok(named.into_iter().map(|(descriptor, name)| (unsafe { OwnedFd::from_raw_fd(descriptor) }, name)).collect())
}

/// The system's allocator, that overwrites with zeros whatever is given back: links, passwords and tokens that passed
/// through buffers of TLS, HTTP and JSON are not found in memory afterwards. What relays packets allocates nothing, so it
/// costs calls nothing.
#[derive(Debug)]
pub struct Forgetful;

/// Bytes from which on memory is a table or a queue, which the system moves by its pages, without a copy that stays.
const LARGE: usize = 128 * 1024;

// SAFETY: memory comes from `System` and goes back to it with the arguments unchanged, and nothing here unwinds.
unsafe impl GlobalAlloc for Forgetful {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`, which is `System`'s as well.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above. The system knows which of its pages are zeros already.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // A compiler may leave out what is written before memory is given back, but not this.
        // SAFETY: whoever gives it back was given so many bytes there, and nobody reads or writes them any more.
        unsafe { libc::explicit_bzero(memory.cast(), layout.size()) };
        // SAFETY: the caller keeps the contract of `dealloc`, which is `System`'s as well.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.size() >= LARGE && size >= layout.size() {
            // SAFETY: the caller keeps the contract of `realloc`, which is `System`'s as well.
            return unsafe { System.realloc(memory, layout, size) };
        }
        // SAFETY: the caller keeps to it that `size`, rounded up to the alignment, is no overflow.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: `size` is not zero, as the contract of `realloc` has it.
        let place = unsafe { self.alloc(new) };
        if !place.is_null() {
            // SAFETY: both hold so many bytes, and what was just allocated is nobody else's. The old is given back once.
            unsafe {
                ptr::copy_nonoverlapping(memory, place, layout.size().min(size));
                self.dealloc(memory, layout);
            }
        }
        place
    }
}
