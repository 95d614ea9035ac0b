//! Every metric's name, labels and help text, once. `docs/metrics.md` lists the same ones; a test compares them.

/// A metric, as Prometheus will see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub(super) name: &'static str,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

macro_rules! names {
    ($($constant:ident = $name:literal, [$($label:literal),*], $help:literal;)*) => {
        $(pub(super) const $constant: Name = Name { name: $name, labels: &[$($label),*], help: $help };)*
    };
}

names! {
    ALLOCATIONS = "hilum_allocations", ["transport"], "Live allocations, by the client's transport.";
    ALLOCATIONS_BEGUN = "hilum_allocations_begun_total", [], "Allocations begun.";
    ALLOCATIONS_ENDED = "hilum_allocations_ended_total", ["cause"], "Allocations ended, by cause.";
    ALLOCATIONS_ENDING = "hilum_allocations_ending", [], "Live allocations whose credential ends within five minutes.";
    ALLOCATION_LIFETIME = "hilum_allocation_lifetime_seconds", [], "How long allocations that ended had lived.";
    REQUESTS = "hilum_requests_total", ["method", "code"], "Requests answered, by method and code or success.";
    CHALLENGES = "hilum_challenges_total", [], "Challenges sent to senders who had proven nothing (401 and 438).";
    RATE_LIMITED = "hilum_rate_limited_total", [], "Questions of strangers left unanswered: their source's budget is spent.";
    DISCARDS = "hilum_discards_total", ["reason"], "Datagrams silently dropped, by reason.";
    PACKETS = "hilum_packets_total", ["transport", "direction"], "Packets, by the client's transport and direction.";
    BYTES = "hilum_bytes_total", ["transport", "direction"], "Bytes, by the client's transport and direction.";
    PERMISSIONS = "hilum_permissions_total", [], "Permissions installed or refreshed.";
    CHANNELS = "hilum_channels_total", [], "Channels bound or refreshed.";
    CONNECTIONS = "hilum_connections", ["transport"], "Open connections of stream clients, and of the door's visitors.";
    DOOR_ARRIVALS = "hilum_door_arrivals_total", ["arrival"], "Connections of the door, by what they turned out to be.";
    DOOR_ANSWERS = "hilum_door_answers_total", ["class"], "HTTP requests at the door, by the class of their answer.";
    CONNECTIONS_REFUSED = "hilum_connections_refused_total", [], "Connections closed at once: too many, in all or of their source.";
    HANDSHAKES_FAILED = "hilum_tls_handshakes_failed_total", [], "TLS handshakes that failed or took too long.";
    PROXIES_FAILED = "hilum_proxies_failed_total", [], "Connections of load balancers without a PROXY header that can be believed.";
    QUEUE_DEPTH = "hilum_shard_queue_depth", ["shard"], "Datagrams in the shard's last batch.";
    BATCHES = "hilum_shard_batches_total", ["shard"], "Batches that the shard has handled.";
    SPARE_PORTS = "hilum_spare_ports", ["shard"], "Relayed ports that are open and not yet owned by an allocation.";
    FACTS_LOST = "hilum_facts_lost_total", [], "Facts that were not logged because the log was too slow; counters stay right.";
    SEAL_MODE = "hilum_seal_mode", ["mode"], "1 for the mode of the seal that is in force, 0 for the others.";
    SEAL_OPENED = "hilum_seal_opened_total", ["version", "profile", "suite"], "Handshakes that opened a seal, by what they chose.";
    SEAL_CLOSED = "hilum_seal_closed_total", [], "Conversations that had been sealed and are over.";
    TOKEN_REFUSALS = "hilum_token_refusals_total", ["reason"], "Call tokens that were not believed, or not now, by reason.";
    KEYS = "hilum_keys", ["algorithm", "state"], "Keys of call tokens, by algorithm and state.";
    KEYS_OLDEST = "hilum_keys_oldest_seconds", [], "Age of the oldest key of call tokens that is accepted and has no end.";
    TOKENS_ELSEWHERE = "hilum_tokens_elsewhere_total", [], "Allocations refused because the credential is for other regions.";
    QUOTA_REFUSALS = "hilum_quota_refusals_total", ["bound"], "Allocations refused because a bound is reached, by whose.";
    PEER_REFUSALS = "hilum_peer_refusals_total", ["reason"], "Peers that permissions or channels were refused for, by reason.";
    SEAL_DISCARDS = "hilum_seal_discards_total", ["reason"], "Datagrams that the seal stopped, by reason.";
    SEAL_REPORTED = "hilum_seal_reported_total", ["reason"], "Datagrams that passed and would have been stopped if the seal were enforced.";
    SEAL_SECONDS = "hilum_seal_seconds", [], "From the first datagram of a conversation to its seal.";
    SEAL_CONVERSATIONS = "hilum_seal_conversations", [], "Entries in the memory of conversations, sealed or not.";
    API_REQUESTS = "hilum_api_requests_total", ["route", "outcome"], "Requests of operators, over the Unix socket and the network.";
    CERTIFICATE_EXPIRY = "hilum_certificate_expiry_timestamp_seconds", ["certificate"], "When the certificate ends, in Unix time.";
    CERTIFICATE_ALARM = "hilum_certificate_alarm", ["certificate"], "1 while the certificate's files have been no pair for a minute, or its authority issues none.";
    CERTIFICATE_RELOADS = "hilum_certificate_reloads_total", ["result"], "Changed certificate files read, by result.";
    ACME_ORDERS = "hilum_acme_orders_total", ["result"], "Orders of certificates from an authority with ACME, by result.";
    WEBHOOKS = "hilum_signal_webhooks_total", ["outcome"], "Webhooks of visits, by outcome; failed counts tries.";
    WEBHOOKS_WAITING = "hilum_signal_webhooks_waiting", [], "Webhooks of visits that wait until they are taken.";
    CONFIG_RELOADS = "hilum_config_reloads_total", ["result"], "Reloads of the configuration, by result.";
    START_TIME = "hilum_start_time_seconds", [], "When the relay started, in Unix time.";
    START = "hilum_start", ["how"], "1 with how this process began: resumed, or why it was a clean start.";
    RESTORED = "hilum_restored_allocations", [], "Allocations that went on from the process before at the start.";
    NOT_RESTORED = "hilum_not_restored", ["reason"], "Records of the process before that did not go on at the start, by reason.";
    JOURNAL_FAILING = "hilum_journal_failing", [], "1 while the journal of what runs cannot be written.";
    JOURNAL_BYTES = "hilum_journal_bytes", [], "Bytes of the journal of what runs.";
    BUILD_INFO = "hilum_build_info", ["version"], "Always 1; the label tells the version.";
    AUDIT_ALARM = "hilum_audit_alarm", [], "1 while nothing can be recorded in the audit log.";
    AUDIT_RECORDS = "hilum_audit_records_total", [], "The number of the audit log's last record.";
    AUDIT_LOST = "hilum_audit_lost_total", [], "Facts that the audit log could not take; it says so itself.";
    AUDIT_SYSLOG_CONNECTED = "hilum_audit_syslog_connected", [], "1 while the syslog receiver is connected.";
    SIGNAL_SOCKETS = "hilum_signal_sockets", [], "WebSockets of signaling that are open.";
    SIGNAL_MEMBERS = "hilum_signal_members", ["role"], "Who is connected to signaling, or was a moment ago, by role.";
    SIGNAL_ROOMS = "hilum_signal_rooms", [], "Rooms with somebody in them.";
    SIGNAL_CALLS = "hilum_signal_calls", [], "Rooms whose call has begun.";
    SIGNAL_WAITING = "hilum_signal_waiting", [], "People with a link who are in no call yet.";
    SIGNAL_APPOINTMENTS = "hilum_signal_appointments", [], "Appointments in the book, those that ended a day ago included.";
    SIGNAL_MESSAGES = "hilum_signal_messages_total", ["type"], "Messages of clients, by type.";
    SIGNAL_REFUSALS = "hilum_signal_refusals_total", ["rule"], "Messages that were not passed on or not done, by rule.";
    SIGNAL_CLOSED = "hilum_signal_closed_total", ["reason"], "Sockets that signaling has closed, by reason.";
    SIGNAL_REQUESTS = "hilum_signal_requests_total", ["route", "outcome"], "Requests to signaling, by route and outcome.";
    SIGNAL_SIGN_INS = "hilum_signal_sign_ins_total", ["outcome"], "Tries of staff to sign in, by outcome.";
    SIGNAL_RATINGS = "hilum_signal_ratings_total", ["stars"], "What people say of their visit, from 1 to 5.";
    AUDIT_SYSLOG_LOST = "hilum_audit_syslog_lost_total", [], "Records that the syslog receiver did not get.";
}
