//! The JSON of tokens: objects, lists, texts and whole numbers (RFC 8259), and nothing that two readers could read
//! differently.
//!
//! What is refused beyond RFC 8259: escapes, characters beyond ASCII, fractions, exponents, negative numbers and those
//! above 2^53 - 1 (RFC 7493 §2.2). A value is read as the type that is wanted there, so nothing nests deeper than the
//! caller asks, and nobody can be asked to skip a value.

use core::fmt;

/// The largest number that every reader of JSON keeps exactly: 2^53 - 1 (RFC 7493 §2.2).
const LARGEST_NUMBER: u64 = (1 << 53) - 1;

/// Why a text is not the JSON that was expected. The issuer is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvalidJson {
    /// Another character was expected, or more of them.
    Syntax,
    /// A text with an escape, a control character or a character beyond ASCII.
    Text,
    /// A number with a sign, a fraction, an exponent, zeros in front, or above 2^53 - 1.
    Number,
    /// Something follows the object.
    Trailing,
}

impl fmt::Display for InvalidJson {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Syntax => "is not the JSON object that it should be; check quotes, brackets and the types of values",
            Self::Text => "has a text with an escape or a character beyond ASCII; no value needs either",
            Self::Number => "has a number that is not whole, or not from 0 to 2^53 - 1, or starts with zeros",
            Self::Trailing => "goes on after the object; write one JSON object",
        })
    }
}

impl core::error::Error for InvalidJson {}

/// Reads a text from the front.
pub(super) struct Reader<'t> {
    rest: &'t [u8],
}

impl<'t> Reader<'t> {
    pub(super) const fn new(text: &'t [u8]) -> Self {
        Self { rest: text }
    }

    /// Takes `byte`, after white space, if it is next.
    fn take(&mut self, byte: u8) -> bool {
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn demand(&mut self, byte: u8) -> Result<(), InvalidJson> {
        if self.take(byte) { Ok(()) } else { Err(InvalidJson::Syntax) }
    }

    /// A text in quotes.
    pub(super) fn text(&mut self) -> Result<&'t str, InvalidJson> {
        self.demand(b'"')?;
        let end = self.rest.iter().position(|&byte| byte == b'"').ok_or(InvalidJson::Syntax)?;
        let (text, rest) = self.rest.split_at_checked(end).ok_or(InvalidJson::Syntax)?;
        if !text.iter().all(|&byte| matches!(byte, b' '..=b'~') && byte != b'\\') {
            return Err(InvalidJson::Text);
        }
        self.rest = rest;
        self.demand(b'"')?;
        core::str::from_utf8(text).map_err(|_| InvalidJson::Text)
    }

    /// A whole number from 0 to 2^53 - 1.
    pub(super) fn number(&mut self) -> Result<u64, InvalidJson> {
        // White space goes; a zero is only taken when it stands alone.
        let zero = self.take(b'0');
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(digits).ok_or(InvalidJson::Syntax)?;
        if matches!(rest.first(), Some(b'.' | b'e' | b'E' | b'+' | b'-')) || (zero && !digits.is_empty()) {
            return Err(InvalidJson::Number);
        }
        if !zero && digits.is_empty() {
            return Err(InvalidJson::Syntax);
        }
        let mut number = 0_u64;
        for digit in digits {
            let more = number.checked_mul(10).and_then(|number| number.checked_add(u64::from(digit - b'0')));
            number = more.filter(|number| *number <= LARGEST_NUMBER).ok_or(InvalidJson::Number)?;
        }
        self.rest = rest;
        Ok(number)
    }

    /// An object: `each` gets every name and must read its value. That a name comes twice is for `each` to refuse.
    pub(super) fn members<E: From<InvalidJson>>(
        &mut self,
        mut each: impl FnMut(&'t str, &mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.demand(b'{')?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let name = self.text()?;
            self.demand(b':')?;
            each(name, self)?;
            if !self.take(b',') {
                return Ok(self.demand(b'}')?);
            }
        }
    }

    /// A list of texts: `each` gets every one.
    pub(super) fn texts<E: From<InvalidJson>>(
        &mut self,
        mut each: impl FnMut(&'t str) -> Result<(), E>,
    ) -> Result<(), E> {
        self.demand(b'[')?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            each(self.text()?)?;
            if !self.take(b',') {
                return Ok(self.demand(b']')?);
            }
        }
    }

    /// Nothing but white space is left.
    pub(super) fn end(mut self) -> Result<(), InvalidJson> {
        // No text of JSON holds a NUL: it only makes `take` skip the white space.
        if self.take(0) || !self.rest.is_empty() { Err(InvalidJson::Trailing) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Result<u64, InvalidJson> {
        let mut reader = Reader::new(text.as_bytes());
        let number = reader.number()?;
        reader.end().map(|()| number)
    }

    // RFC 8259 §6, RFC 7493 §2.2
    #[test]
    fn a_number_is_whole_and_exact() {
        for (text, value) in [("0", 0), ("7", 7), (" 10 ", 10), ("9007199254740991", LARGEST_NUMBER)] {
            assert_eq!(number(text), Ok(value), "{text}");
        }
        let wrong = [
            "00",
            "01",
            "1.0",
            "1e3",
            "1E3",
            "0.5",
            "0e1",
            "9007199254740992",
            "18446744073709551617",
            "-1",
            "+1",
            ".5",
        ];
        for text in wrong.iter().copied().chain([&*"9".repeat(400)]) {
            assert_eq!(number(text), Err(InvalidJson::Number), "{text}");
        }
        for text in ["", "\"1\"", "true", "null", "NaN"] {
            assert_eq!(number(text), Err(InvalidJson::Syntax), "{text}");
        }
        for text in ["1 2", "1}", "1,"] {
            assert_eq!(number(text), Err(InvalidJson::Trailing), "{text}");
        }
    }

    // RFC 8259 §7
    #[test]
    fn a_text_is_plain() {
        let text = |bytes: &'static [u8]| Reader::new(bytes).text();
        assert_eq!(text(b" \"a b\" "), Ok("a b"));
        assert_eq!(text(b"\"\""), Ok(""));
        for wrong in [&b"\"\\u0061\""[..], b"\"\\/\"", b"\"a\nb\"", b"\"\xC3\xA4\"", b"\"\xFF\"", b"\"\x7F\""] {
            assert_eq!(text(wrong), Err(InvalidJson::Text), "{wrong:?}");
        }
        for wrong in [&b"\"a"[..], b"a\"", b"'a'", b"", b"\""] {
            assert_eq!(text(wrong), Err(InvalidJson::Syntax), "{wrong:?}");
        }
    }

    // RFC 8259 §4, §5
    #[test]
    fn an_object_and_a_list_have_no_loose_commas() {
        let members = |text: &'static str| {
            let mut names = Vec::new();
            let mut reader = Reader::new(text.as_bytes());
            reader.members(|name, value| {
                names.push(name);
                value.texts(|_| Ok::<_, InvalidJson>(()))
            })?;
            reader.end().map(|()| names)
        };
        assert_eq!(members(r#"{}"#), Ok(vec![]));
        assert_eq!(members("{ \"a\" :\t[ ] ,\r\n\"a\":[\"x\", \"y\"] } "), Ok(vec!["a", "a"]));
        for wrong in
            ["", "{", "[]", r#"{"a"}"#, r#"{"a":[]"#, r#"{"a":[],}"#, r#"{"a":["x",]}"#, r#"{"a":[[]]}"#, r#"{,}"#]
        {
            assert_eq!(members(wrong), Err(InvalidJson::Syntax), "{wrong}");
        }
        assert_eq!(members("{}{}"), Err(InvalidJson::Trailing));
        assert_eq!(members("{}\0"), Err(InvalidJson::Trailing));
    }
}
