//! The hellos: what is offered and what is chosen (RFC 5246 §7.4.1, RFC 6347 §4.2.1, RFC 8446 §4.1, RFC 9147 §5.3).

use core::fmt;

use super::split_u16;

/// The extensions that are read; all others are only stepped over.
const USE_SRTP: u16 = 14;
const SUPPORTED_VERSIONS: u16 = 43;
const CONNECTION_ID: u16 = 54;

/// The longest session id in bytes (RFC 5246 §7.4.1.2).
const LONGEST_SESSION_ID: usize = 32;

/// The random that makes a ServerHello a HelloRetryRequest: SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3).
const RETRY: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2, 0x11,
    0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

/// Why the body of a handshake message is not the hello it claims to be. The sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvalidHello {
    /// Fewer bytes than the fields need, or than a length announces.
    Truncated,
    /// Bytes after the last field, of the message or of an extension.
    Trailing,
    /// A session id of more than 32 bytes.
    SessionId,
    /// Cipher suites: none, or half of one.
    Suites,
    /// No compression method, not even null.
    Compression,
    /// Versions: none, or half of one.
    Versions,
    /// SRTP profiles: none, half of one, or more than one chosen.
    Profiles,
    /// An extension that is there twice (RFC 8446 §4.2).
    Duplicate,
}

impl fmt::Display for InvalidHello {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Truncated => "truncated hello",
            Self::Trailing => "bytes after the end of a hello or of its extension",
            Self::SessionId => "session id longer than 32 bytes",
            Self::Suites => "no list of cipher suites",
            Self::Compression => "no compression method",
            Self::Versions => "no list of versions",
            Self::Profiles => "no list of SRTP protection profiles",
            Self::Duplicate => "extension given twice",
        })
    }
}

impl core::error::Error for InvalidHello {}

/// The extension use_srtp (RFC 5764 §4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseSrtp<'a> {
    profiles: Numbers<'a>,
    mki: &'a [u8],
}

impl<'a> UseSrtp<'a> {
    /// The SRTP protection profiles, at least one, the sender's favourite first; from a server exactly one.
    pub fn profiles(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.profiles.iter()
    }

    /// The master key identifier, at most 255 bytes. With some, each SRTP packet carries as many before its tag.
    #[must_use]
    pub const fn mki(&self) -> &'a [u8] {
        self.mki
    }

    fn read(body: &'a [u8]) -> Result<Self, InvalidHello> {
        let mut reader = Reader(body);
        let profiles = Numbers::new(reader.vector_u16()?).ok_or(InvalidHello::Profiles)?;
        let mki = reader.vector_u8()?;
        reader.end()?;
        Ok(Self { profiles, mki })
    }
}

/// A ClientHello (RFC 6347 §4.2.1, RFC 9147 §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The legacy version: the best that a client without supported_versions speaks.
    pub version: u16,
    /// The client's random.
    pub random: &'a [u8; 32],
    /// The cookie of the HelloVerifyRequest that this answers, at most 255 bytes; empty at first.
    pub cookie: &'a [u8],
    /// The SRTP profiles that are offered, if any are.
    pub srtp: Option<UseSrtp<'a>>,
    /// The connection id that the server is to put into what it sends, at most 255 bytes (RFC 9146 §3); empty when
    /// the client only offers to use one itself.
    pub connection_id: Option<&'a [u8]>,
    suites: Numbers<'a>,
    compression: &'a [u8],
    versions: Option<Numbers<'a>>,
}

impl<'a> ClientHello<'a> {
    /// Reads a ClientHello that is the whole of `message`, the body of a handshake message without its header.
    ///
    /// Checked: every length, down to those inside the extensions named here, and that none of the extensions below
    /// 64, to which all of these belong, is there twice.
    ///
    /// # Errors
    /// What is wrong, see [`InvalidHello`].
    pub fn parse(message: &'a [u8]) -> Result<Self, InvalidHello> {
        let mut reader = Reader(message);
        let version = reader.u16()?;
        let random = reader.random()?;
        reader.session_id()?;
        let cookie = reader.vector_u8()?;
        let suites = Numbers::new(reader.vector_u16()?).ok_or(InvalidHello::Suites)?;
        let compression = reader.vector_u8()?;
        if compression.is_empty() {
            return Err(InvalidHello::Compression);
        }
        let extensions = Extensions::read(&mut reader)?;
        let versions = extensions.supported_versions.map(read_versions).transpose()?;
        let srtp = extensions.use_srtp.map(UseSrtp::read).transpose()?;
        let connection_id = extensions.connection_id.map(read_connection_id).transpose()?;
        Ok(Self { version, random, cookie, srtp, connection_id, suites, compression, versions })
    }

    /// The cipher suites, at least one, the client's favourite first; among them may be numbers that mean no suite
    /// (RFC 5746 §3.3, RFC 8701 §3.1).
    pub fn suites(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.suites.iter()
    }

    /// Whether `version` is offered by name: in supported_versions, or, without that extension, as the legacy version.
    #[must_use]
    pub fn offers(&self, version: u16) -> bool {
        match &self.versions {
            Some(versions) => versions.iter().any(|offered| offered == version),
            None => self.version == version,
        }
    }

    /// Whether null is among the compression methods, as it must be (RFC 5246 §7.4.1.2).
    #[must_use]
    pub fn null_compression(&self) -> bool {
        self.compression.contains(&0)
    }
}

/// A ServerHello or a HelloRetryRequest (RFC 5246 §7.4.1.3, RFC 8446 §4.1.3, §4.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerHello<'a> {
    /// The version that was chosen: from supported_versions if that is there, else the legacy one.
    pub version: u16,
    /// The server's random.
    pub random: &'a [u8; 32],
    /// The cipher suite that was chosen.
    pub suite: u16,
    /// The compression method that was chosen; 0 is null.
    pub compression: u8,
    /// Whether this is a HelloRetryRequest, by its random: the client has to say hello again.
    pub retry: bool,
    /// The one SRTP profile that was chosen. DTLS 1.3 says it where only the client can read it.
    pub srtp: Option<UseSrtp<'a>>,
    /// The connection id that the client is to put into what it sends, at most 255 bytes (RFC 9146 §3).
    pub connection_id: Option<&'a [u8]>,
}

impl<'a> ServerHello<'a> {
    /// Reads a ServerHello that is the whole of `message`, the body of a handshake message without its header.
    ///
    /// Checked as in [`ClientHello::parse`]; moreover, that use_srtp has exactly one profile.
    ///
    /// # Errors
    /// What is wrong, see [`InvalidHello`].
    pub fn parse(message: &'a [u8]) -> Result<Self, InvalidHello> {
        let mut reader = Reader(message);
        let legacy = reader.u16()?;
        let random = reader.random()?;
        reader.session_id()?;
        let suite = reader.u16()?;
        let compression = reader.u8()?;
        let extensions = Extensions::read(&mut reader)?;
        let selected = extensions.supported_versions.map(read_version).transpose()?;
        let srtp = extensions.use_srtp.map(UseSrtp::read).transpose()?;
        if srtp.is_some_and(|srtp| srtp.profiles().count() != 1) {
            return Err(InvalidHello::Profiles);
        }
        let connection_id = extensions.connection_id.map(read_connection_id).transpose()?;
        let version = selected.unwrap_or(legacy);
        Ok(Self { version, random, suite, compression, retry: *random == RETRY, srtp, connection_id })
    }
}

/// A HelloVerifyRequest: the server wants its cookie back before it goes on (RFC 6347 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelloVerifyRequest {
    /// The version it is labelled with: DTLS 1.0, as it should be whatever is chosen later, or 1.2.
    pub version: u16,
}

impl HelloVerifyRequest {
    /// Reads a HelloVerifyRequest that is the whole of `message`, the body of a handshake message without its header.
    ///
    /// # Errors
    /// [`InvalidHello::Truncated`] or [`InvalidHello::Trailing`].
    pub fn parse(message: &[u8]) -> Result<Self, InvalidHello> {
        let mut reader = Reader(message);
        let version = reader.u16()?;
        reader.vector_u8()?;
        reader.end()?;
        Ok(Self { version })
    }
}

/// Big-endian numbers of 16 bits, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbers<'a>(&'a [[u8; 2]]);

impl<'a> Numbers<'a> {
    /// `None` when there is no number or half of one.
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<2>();
        (!numbers.is_empty() && rest.is_empty()).then_some(Self(numbers))
    }

    fn iter(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.0.iter().map(|number| u16::from_be_bytes(*number))
    }
}

/// The bodies of the extensions that are read.
#[derive(Default)]
struct Extensions<'a> {
    use_srtp: Option<&'a [u8]>,
    supported_versions: Option<&'a [u8]>,
    connection_id: Option<&'a [u8]>,
}

impl<'a> Extensions<'a> {
    /// Reads the last field of a hello: a block of extensions, or nothing at all (RFC 5246 §7.4.1.2).
    fn read(reader: &mut Reader<'a>) -> Result<Self, InvalidHello> {
        let mut extensions = Self::default();
        if reader.0.is_empty() {
            return Ok(extensions);
        }
        let mut block = Reader(reader.vector_u16()?);
        reader.end()?;
        // One bit for each type below 64; a set of all types would cost more than what it finds.
        let mut seen = 0_u64;
        while !block.0.is_empty() {
            let kind = block.u16()?;
            let body = block.vector_u16()?;
            let bit = 1_u64.checked_shl(u32::from(kind)).unwrap_or(0);
            if seen & bit != 0 {
                return Err(InvalidHello::Duplicate);
            }
            seen |= bit;
            match kind {
                USE_SRTP => extensions.use_srtp = Some(body),
                SUPPORTED_VERSIONS => extensions.supported_versions = Some(body),
                CONNECTION_ID => extensions.connection_id = Some(body),
                _ => {}
            }
        }
        Ok(extensions)
    }
}

/// supported_versions in a ClientHello: what the client offers (RFC 8446 §4.2.1).
fn read_versions(body: &[u8]) -> Result<Numbers<'_>, InvalidHello> {
    let mut reader = Reader(body);
    let versions = Numbers::new(reader.vector_u8()?).ok_or(InvalidHello::Versions)?;
    reader.end()?;
    Ok(versions)
}

/// supported_versions in a ServerHello: the one that was chosen (RFC 8446 §4.2.1).
fn read_version(body: &[u8]) -> Result<u16, InvalidHello> {
    let mut reader = Reader(body);
    let version = reader.u16()?;
    reader.end()?;
    Ok(version)
}

/// connection_id (RFC 9146 §3).
fn read_connection_id(body: &[u8]) -> Result<&[u8], InvalidHello> {
    let mut reader = Reader(body);
    let connection_id = reader.vector_u8()?;
    reader.end()?;
    Ok(connection_id)
}

/// Takes fields from the front of what is left.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn u8(&mut self) -> Result<u8, InvalidHello> {
        let (&number, rest) = self.0.split_first().ok_or(InvalidHello::Truncated)?;
        self.0 = rest;
        Ok(number)
    }

    fn u16(&mut self) -> Result<u16, InvalidHello> {
        let (number, rest) = split_u16(self.0).ok_or(InvalidHello::Truncated)?;
        self.0 = rest;
        Ok(number)
    }

    fn random(&mut self) -> Result<&'a [u8; 32], InvalidHello> {
        let (random, rest) = self.0.split_first_chunk::<32>().ok_or(InvalidHello::Truncated)?;
        self.0 = rest;
        Ok(random)
    }

    fn session_id(&mut self) -> Result<(), InvalidHello> {
        // The bound is tested first: a longer one is no hello, however many bytes are there.
        let length = *self.0.first().ok_or(InvalidHello::Truncated)?;
        if usize::from(length) > LONGEST_SESSION_ID {
            return Err(InvalidHello::SessionId);
        }
        self.vector_u8().map(|_| ())
    }

    /// A length of eight bits and as many bytes.
    fn vector_u8(&mut self) -> Result<&'a [u8], InvalidHello> {
        let length = self.u8()?;
        self.take(usize::from(length))
    }

    /// A length of 16 bits and as many bytes.
    fn vector_u16(&mut self) -> Result<&'a [u8], InvalidHello> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], InvalidHello> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(InvalidHello::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    const fn end(&self) -> Result<(), InvalidHello> {
        if self.0.is_empty() { Ok(()) } else { Err(InvalidHello::Trailing) }
    }
}
