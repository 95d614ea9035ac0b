//! Why the seal lets a datagram not through.

macro_rules! reasons {
    ($($name:ident = $label:literal, $doc:literal;)*) => {
        /// Why a datagram is refused. Each variant is a metric label.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $doc] $name,)*
        }

        impl Reason {
            /// All of them, in the order of their numbers. There are fewer than 64: a flow remembers them as bits.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The metric label.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }

            /// What is wrong, for people.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self {
                    $(Self::$name => $doc,)*
                }
            }
        }
    };
}

reasons! {
    Empty = "empty", "A datagram without a byte.";
    Foreign = "foreign", "Neither STUN nor DTLS nor RTP by its first byte (RFC 7983, RFC 9443).";
    Zrtp = "zrtp", "ZRTP: keys that are agreed on in the media path are not watched.";
    Channel = "channel", "TURN ChannelData inside of TURN.";
    StunMalformed = "stun_malformed", "A STUN message whose lengths do not agree, or with bytes behind its end.";
    StunMethod = "stun_method", "A STUN method other than Binding: TURN inside of TURN, for one.";
    StunFingerprint = "stun_fingerprint", "No FINGERPRINT, or a wrong one: ICE always sends it (RFC 8445 section 7.1).";
    StunUsername = "stun_username", "A Binding request without the USERNAME or the MESSAGE-INTEGRITY of ICE.";
    StunRate = "stun_rate", "More connectivity checks than ICE paces on one path.";
    DtlsMalformed = "dtls_malformed", "Not made of whole DTLS records, or a handshake message that cannot be read.";
    DtlsFragments = "dtls_fragments", "Fragments of one handshake message that contradict each other.";
    DtlsBound = "dtls_bound", "A handshake message, or a whole handshake, that is larger or longer than any real one.";
    DtlsVersion = "dtls_version", "No allowed version of DTLS is offered or chosen.";
    DtlsSuite = "dtls_suite", "No cipher suite that encrypts, authenticates and forgets its keys is offered or chosen.";
    DtlsSrtp = "dtls_srtp", "No use_srtp: this handshake is not for media (RFC 5764).";
    DtlsProfile = "dtls_profile", "No allowed SRTP profile is offered or chosen.";
    DtlsMki = "dtls_mki", "A master key identifier, which moves what has to be found at the end of a packet.";
    DtlsCompression = "dtls_compression", "Compression, which TLS gave up because it leaks what it compresses.";
    DtlsUnexpected = "dtls_unexpected", "A record or message that has no place at this point of the handshake.";
    DtlsClear = "dtls_clear", "Application data, a heartbeat or Finished that is not encrypted.";
    DtlsEarly = "dtls_early", "Encrypted data before both sides have finished the handshake.";
    MediaUnsealed = "media_unsealed", "Media without any handshake in this conversation.";
    MediaEarly = "media_early", "Media before both sides have finished the handshake.";
    MediaMalformed = "media_malformed", "An RTP or RTCP header that is not right, or no room for an authentication tag.";
    MediaTable = "media_table", "A conversation that cannot be remembered: there are too many.";
    RtcpClear = "rtcp_clear", "RTCP that is not encrypted: the E bit is not set, or it reads as a clear compound.";
    RtpClear = "rtp_clear", "RTP whose payload is not uniform, as any ciphertext is: clear media in disguise.";
}
