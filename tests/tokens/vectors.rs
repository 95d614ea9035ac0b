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

// RFC 8032 §5.1.7 leaves it open. Each of these satisfies the equation of the verifier, with an R of order 1, 1, 2, 4, 4, 8,
// 8, 8 and 8: whoever knows the key can make as many such signatures as there are messages, all with the same R.
#[test]
fn a_signature_whose_r_has_a_small_order_proves_nothing() {
    use hilum::auth::PublicKey;
    let plain = "a9eb2dc9e77154effe488a3a5a6bbdf4_853b20cfa4e2c38ea52e61347a87741a";
    let mixed = "3272afcdf94de1f8643c9d234197395d_c8f038806b5a305de5bc11dc84234012";
    let eighth = "7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03";
    let other = "6e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc";
    let (zeros, ones) = ("0".repeat(62), "f".repeat(60));
    let cases = [
        (plain, 0, format!("01{zeros}"), "8020ce9820e90028395fc860edf86c62_cc2e73709134302684d7d10ecf25f106"),
        (mixed, 1, format!("01{zeros}"), "66252a136240a0d357cd120d48fa71bc_aede004686595a6b841aba7c75362b0f"),
        (mixed, 4, format!("ec{ones}7f"), "2a36110dd62d14cf88ddf1fd0dd57fcc_50dc7d532b8ca63e4d3a857fa587cd03"),
        (mixed, 1, format!("00{zeros}"), "72602a1945c6b720c4ddf4dfbb3e2509_b908b782ee14812792b60e1d7fadb20a"),
        (mixed, 16, format!("{zeros}80"), "560446f35907e62c6b0c6cc963cdabd4_e9c1b6cc1b2ab3c8a57203a1783f2d05"),
        (mixed, 1, format!("c{eighth}7a"), "54e8cd69bd6fe622ec397df9fb475168_9b3d8c76f6cc20434373eca3fe96080b"),
        (mixed, 2, format!("c{eighth}fa"), "ac957eaf91eb34b82329626e80e78288_f404a22d216db483d35597f0aa700d0f"),
        (mixed, 2, format!("2{other}05"), "f7840017bd6a98e8e9eacf368bbe19f0_5e3f899a81589b7c39a949a918b2ca0d"),
        (mixed, 13, format!("2{other}85"), "ba69a1380766cc2d333bfa8acdde9f53_14229b469df865d16b4d5dcc77945103"),
    ];
    for (key, message, r, s) in cases {
        let signature = hexadecimal(&format!("{r}{s}"));
        let lenient = ed25519_dalek::VerifyingKey::from_bytes(&hexadecimal(key)).unwrap();
        let as_dalek = ed25519_dalek::Signature::from_bytes(&signature);
        use ed25519_dalek::Verifier as _;
        assert!(lenient.verify(&[message], &as_dalek).is_ok(), "the equation holds for {r}");
        assert!(lenient.verify_strict(&[message], &as_dalek).is_err());
        let key = PublicKey::new(Algorithm::EdDsa, &hexadecimal::<32>(key)).unwrap();
        assert!(!key.verify(&[message], &signature), "{r}");
    }
}

/// The bytes of hexadecimal digits, which are written in halves: so many in a row look like a secret.
fn hexadecimal<const N: usize>(text: &str) -> [u8; N] {
    let text = text.replace('_', "");
    let bytes: Vec<u8> = (0..N).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect();
    bytes.try_into().unwrap()
}
