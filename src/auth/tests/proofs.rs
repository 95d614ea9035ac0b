//! Which requests are proven, and why the others are not.

use super::*;

// RFC 8489 §9.2.4
#[test]
fn the_checks_come_in_the_order_of_the_rfc() {
    let authenticator = authenticator(&[SECRET]);
    let bare = message(|_| ());
    assert_eq!(prove(&authenticator, &bare, client(1), NOW).unwrap_err(), Unproven::Unauthenticated);
    let key = IntegrityKey::long_term(PasswordAlgorithm::Md5, b"alice", b"hilum", b"correct horse");
    let incomplete = message(|writer| {
        writer.attribute(AttributeType::USERNAME, b"alice").integrity(IntegrityKind::Sha1, &key);
    });
    assert_eq!(prove(&authenticator, &incomplete, client(1), NOW).unwrap_err(), Unproven::BadRequest);
    let stale = login(b"nobody", b"wrong", b"a nonce of somebody else");
    assert_eq!(prove(&authenticator, &stale, client(1), NOW).unwrap_err(), Unproven::StaleNonce);
    let good = login(b"alice", b"correct horse", &nonce(&authenticator));
    let grant = prove(&authenticator, &good, client(1), NOW).unwrap();
    assert_eq!((grant.subject(), grant.until()), (Subject::of(b"alice"), None));
}

#[test]
fn a_nonce_serves_its_own_address_for_its_own_time() {
    let authenticator = authenticator(&[]);
    let nonce = nonce(&authenticator);
    let request = login(b"alice", b"correct horse", &nonce);
    let at = |seconds| Now { moment: Moment::from_secs(seconds), ..NOW };
    assert!(prove(&authenticator, &request, client(1), at(5600)).is_ok());
    assert_eq!(prove(&authenticator, &request, client(1), at(5601)).unwrap_err(), Unproven::StaleNonce);
    assert_eq!(prove(&authenticator, &request, client(1), at(4990)).unwrap_err(), Unproven::StaleNonce);
    assert_eq!(prove(&authenticator, &request, client(2), NOW).unwrap_err(), Unproven::StaleNonce);
    for at in 0..nonce.len() {
        let mut forged = nonce.clone();
        forged[at] ^= 1;
        let request = login(b"alice", b"correct horse", &forged);
        assert_eq!(prove(&authenticator, &request, client(1), NOW).unwrap_err(), Unproven::StaleNonce, "byte {at}");
    }
}

#[test]
fn a_time_limited_credential_works_until_it_ends_and_under_every_secret() {
    let authenticator = authenticator(&[b"a newer secret than the other", SECRET]);
    let nonce = nonce(&authenticator);
    let expires = NOW.unix.plus_secs(60);
    let username = ephemeral_username(expires, "room");
    let password = ephemeral_password(&SharedSecret::new(SECRET.to_vec()).unwrap(), username.as_bytes());
    let request = login(username.as_bytes(), password.as_bytes(), &nonce);
    assert_eq!(prove(&authenticator, &request, client(1), NOW).unwrap().until(), Some(expires));
    let later = Now { unix: expires.plus_secs(1), ..NOW };
    assert_eq!(prove(&authenticator, &request, client(1), later).unwrap_err(), Unproven::Unauthenticated);
    let other = ephemeral_password(&SharedSecret::new(b"a secret nobody configured".to_vec()).unwrap(), b"x");
    let request = login(username.as_bytes(), other.as_bytes(), &nonce);
    assert_eq!(prove(&authenticator, &request, client(1), NOW).unwrap_err(), Unproven::Unauthenticated);
}

// RFC 8489 §9.2: SHA-256 is offered first; a client that was made to forget it is found out.
#[test]
fn sha_256_works_and_a_bid_down_is_refused() {
    let authenticator = authenticator(&[]);
    let nonce = nonce(&authenticator);
    let sha256 = IntegrityKey::long_term(PasswordAlgorithm::Sha256, b"alice", b"hilum", b"correct horse");
    let request = |algorithms: Option<&[u8]>, algorithm: Option<&[u8]>, key: &IntegrityKey| {
        message(|writer| {
            writer
                .attribute(AttributeType::USERNAME, b"alice")
                .attribute(AttributeType::REALM, b"hilum")
                .attribute(AttributeType::NONCE, &nonce);
            if let Some(value) = algorithms {
                writer.attribute(AttributeType::PASSWORD_ALGORITHMS, value);
            }
            if let Some(value) = algorithm {
                writer.attribute(AttributeType::PASSWORD_ALGORITHM, value);
            }
            writer.integrity(IntegrityKind::Sha256, key);
        })
    };
    let offer = PasswordAlgorithm::OFFER;
    let good = request(Some(&offer), Some(&[0, 2, 0, 0]), &sha256);
    assert!(prove(&authenticator, &good, client(1), NOW).is_ok());
    for (algorithms, algorithm) in [
        (Some(&offer[4..]), Some(&[0, 1, 0, 0][..])),
        (Some(&offer[..]), None),
        (None, Some(&[0, 2, 0, 0][..])),
        (Some(&offer[..]), Some(&[0, 3, 0, 0][..])),
    ] {
        let refused = request(algorithms, algorithm, &sha256);
        assert_eq!(prove(&authenticator, &refused, client(1), NOW).unwrap_err(), Unproven::BadRequest);
    }
}

// RFC 8489 §9.2.4: "If the MESSAGE-INTEGRITY-SHA256 attribute is present, compute the value ... Otherwise ..."
#[test]
fn of_two_integrity_attributes_the_stronger_one_counts() {
    let authenticator = authenticator(&[SECRET]);
    let nonce = nonce(&authenticator);
    let mut bytes = message(|writer| {
        writer
            .attribute(AttributeType::USERNAME, b"alice")
            .attribute(AttributeType::REALM, b"hilum")
            .attribute(AttributeType::NONCE, &nonce)
            .integrity(IntegrityKind::Sha1, &key(PasswordAlgorithm::Md5))
            .integrity(IntegrityKind::Sha256, &key(PasswordAlgorithm::Md5));
    });
    assert!(prove(&authenticator, &bytes, client(1), NOW).is_ok());
    *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(prove(&authenticator, &bytes, client(1), NOW), Err(Unproven::Unauthenticated));
}

// RFC 8489 §14.4
#[test]
fn a_user_hash_speaks_for_the_user_whose_name_it_hashes() {
    use sha2::{Digest, Sha256};
    let authenticator = authenticator(&[]);
    let nonce = nonce(&authenticator);
    assert!(nonce.starts_with(b"obMatJos2wAAA"), "username anonymity is on offer");
    for algorithm in [PasswordAlgorithm::Md5, PasswordAlgorithm::Sha256] {
        let by_hash = |hash: &[u8]| {
            let login = Login {
                identity: (AttributeType::USERHASH, hash),
                offer: Some(&PasswordAlgorithm::OFFER),
                choice: Some(algorithm),
                integrity: &[IntegrityKind::Sha256],
                ..alice(&nonce)
            };
            prove(&authenticator, &login.sign(&key(algorithm)), client(1), NOW)
        };
        assert_eq!(by_hash(&Sha256::digest(b"alice:hilum")).unwrap().subject(), Subject::of(b"alice"));
        assert_eq!(by_hash(&Sha256::digest(b"alice:other")), Err(Unproven::Unauthenticated));
        assert_eq!(by_hash(&[0; 31]), Err(Unproven::BadRequest));
    }
}

#[test]
fn anonymity_is_not_offered_where_a_hash_could_hide_a_time_limited_name() {
    assert!(nonce(&authenticator(&[SECRET])).starts_with(b"obMatJos2gAAA"));
}

#[test]
fn two_identities_in_one_request_are_a_bad_request() {
    let authenticator = authenticator(&[]);
    let nonce = nonce(&authenticator);
    let bytes = message(|writer| {
        writer
            .attribute(AttributeType::USERNAME, b"alice")
            .attribute(AttributeType::USERHASH, &[7; 32])
            .attribute(AttributeType::REALM, b"hilum")
            .attribute(AttributeType::NONCE, &nonce)
            .integrity(IntegrityKind::Sha1, &key(PasswordAlgorithm::Md5));
    });
    assert_eq!(prove(&authenticator, &bytes, client(1), NOW), Err(Unproven::BadRequest));
}

#[test]
fn each_attribute_that_a_proof_needs_is_missed() {
    let authenticator = authenticator(&[SECRET]);
    let nonce = nonce(&authenticator);
    let parts: [(AttributeType, &[u8]); 3] =
        [(AttributeType::USERNAME, b"alice"), (AttributeType::REALM, b"hilum"), (AttributeType::NONCE, &nonce)];
    for missing in 0..parts.len() {
        for kind in [IntegrityKind::Sha1, IntegrityKind::Sha256] {
            let bytes = message(|writer| {
                for (at, (attribute, value)) in parts.iter().enumerate() {
                    if at != missing {
                        writer.attribute(*attribute, value);
                    }
                }
                writer.integrity(kind, &key(PasswordAlgorithm::Md5));
            });
            assert_eq!(prove(&authenticator, &bytes, client(1), NOW), Err(Unproven::BadRequest), "{missing} {kind:?}");
        }
    }
}

#[test]
fn another_realm_is_refused_like_a_wrong_password() {
    let authenticator = authenticator(&[SECRET]);
    let nonce = nonce(&authenticator);
    for realm in [&b"other"[..], b"hilun", b"hilum ", b""] {
        let bytes = Login { realm, ..alice(&nonce) }.sign(&key(PasswordAlgorithm::Md5));
        assert_eq!(prove(&authenticator, &bytes, client(1), NOW), Err(Unproven::Unauthenticated), "{realm:?}");
    }
}

// Whoever strips the cookie and the offer on the way gets a nonce that is none; whoever strips only the offer leaves a
// cookie that tells a client to give up (RFC 8489 §9.2.5).
#[test]
fn a_short_nonce_promises_no_choice_and_takes_none() {
    let authenticator = authenticator(&[]);
    let nonce = short_nonce(&authenticator);
    assert_eq!(nonce.len(), 15);
    let plain = alice(&nonce).sign(&key(PasswordAlgorithm::Md5));
    assert!(prove(&authenticator, &plain, client(1), NOW).is_ok());
    let choice = Some(PasswordAlgorithm::Sha256);
    let chosen = Login { offer: Some(&PasswordAlgorithm::OFFER), choice, ..alice(&nonce) };
    let chosen = chosen.sign(&key(PasswordAlgorithm::Sha256));
    assert_eq!(prove(&authenticator, &chosen, client(1), NOW), Err(Unproven::Unauthenticated));
}

#[test]
fn a_credential_ends_at_its_second() {
    let authenticator = authenticator(&[SECRET]);
    let nonce = nonce(&authenticator);
    let ending = |seconds: u64| {
        let username = ephemeral_username(UnixTime::from_secs(seconds), "");
        let password = ephemeral_password(&SharedSecret::new(SECRET.to_vec()).unwrap(), username.as_bytes());
        prove(&authenticator, &login(username.as_bytes(), password.as_bytes(), &nonce), client(1), NOW)
    };
    assert!(ending(NOW.unix.as_secs() + 1).is_ok());
    for ended in [NOW.unix.as_secs(), NOW.unix.as_secs() - 1, 0] {
        assert_eq!(ending(ended), Err(Unproven::Unauthenticated), "{ended}");
    }
}

#[test]
fn a_time_limited_name_with_a_control_character_is_nobodys() {
    let authenticator = authenticator(&[SECRET]);
    let nonce = nonce(&authenticator);
    let secret = SharedSecret::new(SECRET.to_vec()).unwrap();
    for (label, works) in [(&b":Zo\xc3\xab"[..], true), (b":a\0b", false), (b":a\nb", false), (b":\xff", false)] {
        let username = [b"1800000000", label].concat();
        let password = ephemeral_password(&secret, &username);
        let proof = prove(&authenticator, &login(&username, password.as_bytes(), &nonce), client(1), NOW);
        assert_eq!(proof.is_ok(), works, "{label:?}");
    }
}

#[test]
fn a_relay_without_credentials_lets_nobody_in() {
    let nobody = Credentials::new(Vec::new(), Vec::new()).unwrap();
    let authenticator = Authenticator::new("hilum", nobody, NonceKey::new([9; 32]), Lifetime::from_secs(600));
    let nonce = nonce(&authenticator);
    for (name, password) in [(&b""[..], &b""[..]), (b"alice", b""), (b"1800000000:x", b"")] {
        let bytes = login(name, password, &nonce);
        assert_eq!(prove(&authenticator, &bytes, client(1), NOW), Err(Unproven::Unauthenticated), "{name:?}");
    }
}

#[test]
fn a_grant_has_the_terms_of_the_operator() {
    let plain = authenticator(&[]);
    let login =
        |by: &Authenticator| prove(by, &alice(&short_nonce(by)).sign(&key(PasswordAlgorithm::Md5)), client(1), NOW);
    let grant = login(&plain).unwrap();
    assert!(!grant.is_closed() && grant.is_for(&"south".parse().unwrap()));
    let regions = ["north".parse().unwrap()].into();
    let bound = authenticator(&[]).with_terms(Terms { reach: Destinations::Clients, regions });
    let grant = login(&bound).unwrap();
    assert!(grant.is_closed());
    assert_eq!(["north", "south"].map(|region| grant.is_for(&region.parse().unwrap())), [true, false]);
}

/// `accept` leaves a kind out by leaving nothing of it to be known: its credentials are a stranger's.
#[test]
fn a_kind_of_credential_that_is_not_accepted_is_a_strangers() {
    let relay = authenticator(&[]);
    let nonce = short_nonce(&relay);
    let secret = SharedSecret::new(SECRET.to_vec()).unwrap();
    let ephemeral = ephemeral_password(&secret, b"1700000100:visit");
    for (name, password) in
        [("1700000100:visit", ephemeral.as_str()), ("eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.e30.AA", "x")]
    {
        let request = login(name.as_bytes(), password.as_bytes(), &nonce);
        assert_eq!(prove(&relay, &request, client(1), NOW), Err(Unproven::Unauthenticated), "{name}");
    }
    assert!(prove(&relay, &login(b"alice", b"correct horse", &nonce), client(1), NOW).is_ok());
}
