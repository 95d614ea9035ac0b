//! The commands, against a relay that runs: revocation ends calls, and what is minted opens them.
