//! Just enough of Rust's grammar to judge a file: tokens, paths, functions. A comment is never taken for code and a
//! string never for a comment.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An identifier, a keyword or a number.
    Word,
    /// A character that stands for itself; `::` is one token.
    Punctuation,
    /// The inside of a string literal.
    Text,
    /// A comment without its slashes.
    Comment,
}

/// A token and the line it starts on, counted from 1.
#[derive(Clone, Debug)]
pub struct Token {
    pub line: usize,
    pub kind: Kind,
    pub text: String,
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Punctuation) && self.text == text
    }
}

/// The tokens of a file.
pub fn lex(source: &str) -> Vec<Token> {
    Lexer { rest: source, line: 1, tokens: Vec::new() }.run()
}

struct Lexer<'s> {
    rest: &'s str,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn run(mut self) -> Vec<Token> {
        while let Some(first) = self.rest.chars().next() {
            if self.rest.starts_with("//") {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.take(Kind::Comment, end, |text| text.trim_start_matches(['/', '!']).trim());
            } else if self.rest.starts_with("/*") {
                let end = block_comment(self.rest);
                self.take(Kind::Comment, end, |text| text);
            } else if let Some((start, end, length)) = string(self.rest) {
                self.take(Kind::Text, length, |text| &text[start..end]);
            } else if first == '\'' {
                let length = character(self.rest);
                self.skip(length);
            } else if first.is_alphanumeric() || first == '_' {
                let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
                self.take(Kind::Word, end, |text| text);
            } else if self.rest.starts_with("::") {
                self.take(Kind::Punctuation, 2, |text| text);
            } else if first.is_whitespace() {
                self.skip(first.len_utf8());
            } else {
                self.take(Kind::Punctuation, first.len_utf8(), |text| text);
            }
        }
        self.tokens
    }

    fn take(&mut self, kind: Kind, length: usize, inside: impl Fn(&str) -> &str) {
        let text = inside(&self.rest[..length]).to_owned();
        self.tokens.push(Token { line: self.line, kind, text });
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        self.line += self.rest[..length].matches('\n').count();
        self.rest = &self.rest[length..];
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Start and end of the inside, and the whole length, of the string literal that `text` begins with.
fn string(text: &str) -> Option<(usize, usize, usize)> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| match prefix.ends_with('r') {
            true => rest.trim_start_matches('#').starts_with('"'),
            false => rest.starts_with('"'),
        })
    })?;
    let rest = &text[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = rest.len() - rest.trim_start_matches('#').len();
        let start = prefix.len() + hashes + 1;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = text[start..].find(&close).map_or(text.len(), |at| start + at);
        return Some((start, end, (end + close.len()).min(text.len())));
    }
    let start = prefix.len() + 1;
    let mut escaped = false;
    for (at, character) in text[start..].char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some((start, start + at, start + at + 1)),
            _ => {}
        }
    }
    Some((start, text.len(), text.len()))
}

/// The length of a character literal, or of the quote alone where a lifetime begins.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => text[2..].char_indices().skip(1).find(|&(_, c)| c == '\'').map_or(1, |(at, _)| at + 3),
        Some((at, c)) if text[at + c.len_utf8()..].starts_with('\'') => at + c.len_utf8() + 1,
        _ => 1,
    }
}

/// The tokens without comments, and without modules that only tests see.
pub fn shipped(tokens: &[Token]) -> Vec<Token> {
    let code: Vec<Token> = tokens.iter().filter(|token| token.kind != Kind::Comment).cloned().collect();
    let marker = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let marked = marker.iter().enumerate().all(|(step, text)| code.get(at + step).is_some_and(|t| t.is(text)));
        if !marked {
            kept.push(code[at].clone());
            at += 1;
            continue;
        }
        let body = code[at..].iter().position(|t| t.is("{") || t.is(";")).map_or(code.len(), |step| at + step);
        at = closing(&code, body) + 1;
    }
    kept
}

/// The index of the bracket that closes the one at `open`; `open` itself if that is no bracket.
pub fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if ["{", "(", "["].iter().any(|text| token.is(text)) {
            depth += 1;
        } else if ["}", ")", "]"].iter().any(|text| token.is(text)) {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

/// A path as written, with the groups of `use` spelled out.
#[derive(Debug, PartialEq, Eq)]
pub struct Path {
    pub line: usize,
    pub segments: Vec<String>,
}

/// Every path in the code.
pub fn paths(tokens: &[Token]) -> Vec<Path> {
    let code: Vec<Token> = tokens.iter().filter(|token| token.kind != Kind::Comment).cloned().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < code.len() {
        if code[at].is("use") && !code.get(at + 1).is_some_and(|next| next.is("<")) {
            at += 1;
            use_tree(&code, &mut at, &[], &mut found);
        } else if code[at].kind == Kind::Word {
            let mut path = Path { line: code[at].line, segments: vec![code[at].text.clone()] };
            while code.get(at + 1).is_some_and(|next| next.is("::"))
                && code.get(at + 2).is_some_and(|next| next.kind == Kind::Word)
            {
                path.segments.push(code[at + 2].text.clone());
                at += 2;
            }
            found.push(path);
            at += 1;
        } else {
            at += 1;
        }
    }
    found
}

fn use_tree(code: &[Token], at: &mut usize, prefix: &[String], found: &mut Vec<Path>) {
    let mut segments = prefix.to_vec();
    while let Some(token) = code.get(*at) {
        if token.is("{") {
            *at += 1;
            while code.get(*at).is_some_and(|token| !token.is("}")) {
                let before = *at;
                use_tree(code, at, &segments, found);
                *at += usize::from(*at == before || code.get(*at).is_some_and(|token| token.is(",")));
            }
            *at += 1;
            return;
        }
        if token.is("::") {
            *at += 1;
            continue;
        }
        if token.kind != Kind::Word && !token.is("*") {
            return;
        }
        segments.push(token.text.clone());
        *at += 1;
        if !code.get(*at).is_some_and(|next| next.is("::")) {
            found.push(Path { line: token.line, segments });
            // `as another_name`
            *at += if code.get(*at).is_some_and(|next| next.is("as")) { 2 } else { 0 };
            return;
        }
    }
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    /// Lines from the `fn` to its closing brace.
    pub lines: usize,
}

/// Every function with a body.
pub fn functions(tokens: &[Token]) -> Vec<Function> {
    let code: Vec<Token> = tokens.iter().filter(|token| token.kind != Kind::Comment).cloned().collect();
    let mut found = Vec::new();
    for (at, pair) in code.windows(2).enumerate() {
        let [keyword, name] = pair else { continue };
        if !keyword.is("fn") || name.kind != Kind::Word {
            continue;
        }
        let mut step = at + 2;
        while code.get(step).is_some_and(|token| !token.is("{") && !token.is(";")) {
            step = if code[step].is("(") || code[step].is("[") { closing(&code, step) + 1 } else { step + 1 };
        }
        if code.get(step).is_some_and(|token| token.is("{")) {
            let end = code.get(closing(&code, step)).map_or(keyword.line, |token| token.line);
            found.push(Function { name: name.text.clone(), line: keyword.line, lines: end + 1 - keyword.line });
        }
    }
    found
}
