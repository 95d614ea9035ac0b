//! Why a description or a candidate does not pass: one word for each rule.

use core::fmt;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// The rule that a description or a candidate breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
        }

        impl Refusal {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word that clients are told, and the metric label.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// What is wrong, as a sentence goes on after "the description" or "the candidate".
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

refusals! {
    /// More than [`super::LARGEST_DESCRIPTION`] bytes.
    TooLong = "sdp_too_long", "has more than 64 kB";
    /// A line of more than [`super::LONGEST_LINE`] bytes.
    LineTooLong = "sdp_line_too_long", "has a line of more than 4 kB";
    /// Something else than printable ASCII and CRLF.
    Bytes = "sdp_bytes", "holds a byte that is neither printable ASCII nor the end of a line";
    /// Not lines of a letter and a value in their order (RFC 8866 §5), or one twice.
    Syntax = "sdp_syntax", "is not written as RFC 8866 says";
    /// Another version than 0.
    Version = "sdp_version", "has another version than 0";
    /// A line that tells something of a person: `i=`, `u=`, `e=`, `p=`, or a name of the session.
    Words = "sdp_words", "holds words about the session; nothing of a call goes through signaling but its set-up";
    /// `k=`: a key in the clear.
    Key = "sdp_key", "carries a key in the clear (k=)";
    /// No section in use, or more than [`super::MOST_SECTIONS`].
    Sections = "sdp_sections", "has no section in use, or more than 8";
    /// Something else than sound, pictures and data channels.
    Media = "sdp_media", "describes something else than audio, video and data channels";
    /// RTP/AVP.
    ProfileAvp = "sdp_profile_avp", "asks for RTP without encryption (RTP/AVP)";
    /// RTP/AVPF.
    ProfileAvpf = "sdp_profile_avpf", "asks for RTP without encryption (RTP/AVPF)";
    /// RTP/SAVP or RTP/SAVPF without DTLS.
    ProfileSavp = "sdp_profile_savp", "asks for SRTP whose keys go through signaling (RTP/SAVP)";
    /// Any other profile than UDP/TLS/RTP/SAVPF and UDP/DTLS/SCTP.
    Profile = "sdp_profile", "asks for another transport than UDP/TLS/RTP/SAVPF or UDP/DTLS/SCTP";
    /// `a=crypto` (RFC 4568).
    Crypto = "sdp_crypto", "carries SRTP keys (a=crypto)";
    /// `a=key-mgmt` (RFC 4567).
    KeyManagement = "sdp_key_mgmt", "carries key management (a=key-mgmt)";
    /// `a=zrtp-hash` (RFC 6189).
    Zrtp = "sdp_zrtp", "asks for ZRTP (a=zrtp-hash)";
    /// No fingerprint for the transport (RFC 8122).
    FingerprintMissing = "sdp_fingerprint_missing", "has no fingerprint of a certificate";
    /// SHA-1, MD5 or another hash that is too weak.
    FingerprintWeak = "sdp_fingerprint_weak", "has a fingerprint by a hash that is too weak; sha-256 is the least";
    /// A fingerprint that cannot be read.
    FingerprintMalformed = "sdp_fingerprint_malformed", "has a fingerprint that cannot be read";
    /// Two fingerprints in one description.
    FingerprintDiffers = "sdp_fingerprint_differs", "has two different fingerprints";
    /// Another fingerprint than before in this session: an attack or a mistake.
    FingerprintChanged = "sdp_fingerprint_changed", "has another fingerprint than the one before it in this session";
    /// `setup:holdconn` (RFC 4145).
    Holdconn = "sdp_setup_holdconn", "asks for no connection (setup:holdconn)";
    /// No `setup`, an unknown one, or `actpass` in an answer (RFC 8842 §5).
    Setup = "sdp_setup", "does not say which side begins the handshake, or says it in a way that is not for it";
    /// No `rtcp-mux` (RFC 8834).
    RtcpMux = "sdp_rtcp_mux", "does not send RTCP on the port of RTP";
    /// Not every section in use is bundled (RFC 9143), or one that is not there is.
    Bundle = "sdp_bundle", "does not bundle all of its sections";
    /// Fewer than 4 characters of ufrag, or others than ice-char (RFC 8839 §5.4).
    Ufrag = "sdp_ufrag", "has no ICE user name of 4 to 256 characters";
    /// Fewer than 22 characters of password.
    Password = "sdp_pwd", "has no ICE password of 22 to 256 characters";
    /// `ice-lite`, which no browser is.
    IceLite = "sdp_ice_lite", "claims to be a lite agent of ICE";
    /// Two transports in one bundle.
    TransportDiffers = "sdp_transport_differs", "has sections with different ICE credentials or roles in one bundle";
    /// Another transport than before, without an ICE restart.
    TransportChanged = "sdp_transport_changed", "changes a transport without an ICE restart";
    /// A section in use became one of another kind.
    SectionChanged = "sdp_section_changed", "makes something else of a section that is in use";
    /// An address that is none of our relays.
    Address = "sdp_address", "names an address that is none of this region's relays";
    /// More than [`super::MOST_CANDIDATES`] candidates without an ICE restart.
    Candidates = "ice_candidates", "comes with more than 64 candidates";
    /// Not as RFC 8839 §5.1 says.
    CandidateMalformed = "ice_malformed", "holds a candidate that is not written as RFC 8839 says";
    /// A host, srflx or prflx candidate.
    CandidateType = "ice_type", "holds a candidate that is not relayed";
    /// A relay that is not ours.
    CandidateForeign = "ice_foreign", "holds a candidate of a relay that is none of this region's";
    /// An address behind the relay.
    CandidateRelated = "ice_related", "holds a candidate that names the address behind the relay";
    /// A candidate over TCP.
    CandidateTransport = "ice_transport", "holds a candidate whose other end is not reached over UDP";
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.explanation())
    }
}

impl core::error::Error for Refusal {}
