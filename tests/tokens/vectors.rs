//! What the RFCs print.

use hilum::auth::token::{Algorithm, Token, TokenRefusal};

use crate::world::{decode, public};

fn holds(algorithm: Algorithm, message: &str, signature: &str) -> bool {
    public(algorithm).verify(message.as_bytes(), decode(signature).as_slice().try_into().unwrap())
}

// RFC 8037 A.4
#[test]
fn ed25519_verifies_the_signature_of_rfc_8037() {
    let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert!(holds(Algorithm::EdDsa, message, signature));
    assert!(!holds(Algorithm::EdDsa, &message.replace("RXh", "RXi"), signature));
    // As a token it is refused before that: no kid.
    let token = format!("{message}.{signature}");
    assert_eq!(Token::parse(token.as_bytes()).unwrap_err(), TokenRefusal::Header);
}

// RFC 7515 A.3; its S is above half the order of the group, so "low S" cannot be asked for
#[test]
fn es256_verifies_the_signature_of_rfc_7515() {
    let message = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19\
                   yb290Ijp0cnVlfQ";
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    assert!(holds(Algorithm::Es256, message, signature));
    assert!(decode(signature)[32] > 0x7f, "a high S");
    assert!(!holds(Algorithm::Es256, &message.replace("eyJpc", "eyJpd"), signature));
}

// RFC 8032 §5.1.7 and the keys of small order that it leaves to the verifier
#[test]
fn keys_that_prove_nothing_are_no_keys() {
    use hilum::auth::PublicKey;
    let mut one = [0; 32];
    one[0] = 1;
    assert!(PublicKey::new(Algorithm::EdDsa, &one).is_err(), "the neutral element");
    assert!(PublicKey::new(Algorithm::EdDsa, &[0; 32]).is_err(), "a point of order 4");
    assert!(PublicKey::new(Algorithm::EdDsa, &[1; 31]).is_err() && PublicKey::new(Algorithm::EdDsa, &[1; 33]).is_err());
    assert!(PublicKey::new(Algorithm::Es256, &[0]).is_err(), "the point at infinity");
    let mut beside = public(Algorithm::Es256).to_bytes();
    beside[64] ^= 1;
    assert!(PublicKey::new(Algorithm::Es256, &beside).is_err(), "not on the curve");
    let point = public(Algorithm::Es256).to_bytes();
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    assert_eq!(PublicKey::new(Algorithm::Es256, &compressed).unwrap().to_bytes(), point);
}
