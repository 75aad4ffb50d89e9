//! Mail addresses of RFC 5322 as Go's net/mail reads one: an address, or a name with an address in angle brackets, with comments. Groups of
//! addresses are left out.

/// Whether the text is one address.
pub(super) fn is_address(text: &str) -> bool {
    let mut bare = Reader { rest: text };
    if bare.spec().is_some() && bare.is_over() {
        return true;
    }
    let mut named = Reader { rest: text };
    named.name_and_address().is_some() && named.is_over()
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn spaces(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, mark: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(mark)?;
        Some(())
    }

    /// Nothing is left but space and comments.
    fn is_over(&mut self) -> bool {
        loop {
            self.spaces();
            if !self.rest.starts_with('(') {
                return self.rest.is_empty();
            }
            if self.comment().is_none() {
                return false;
            }
        }
    }

    /// Comments stand within each other.
    fn comment(&mut self) -> Option<()> {
        let (mut depth, mut escaped) = (0_usize, false);
        for (at, letter) in self.rest.char_indices() {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '(' => depth += 1,
                ')' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                self.rest = &self.rest[at + 1..];
                return Some(());
            }
        }
        None
    }

    fn name_and_address(&mut self) -> Option<()> {
        self.spaces();
        while !self.rest.starts_with('<') {
            match self.rest.starts_with('"') {
                true => self.quoted().map(drop)?,
                false => self.atom().map(drop)?,
            }
            self.spaces();
        }
        self.take('<')?;
        self.spec()?;
        self.take('>')
    }

    /// `local@domain`
    fn spec(&mut self) -> Option<()> {
        self.spaces();
        match self.rest.starts_with('"') {
            true => self.quoted().filter(|text| !text.is_empty()).map(drop)?,
            false => self.dotted()?,
        }
        self.spaces();
        self.take('@')?;
        self.spaces();
        match self.rest.strip_prefix('[') {
            Some(rest) => {
                let (literal, rest) = rest.split_once(']')?;
                self.rest = rest;
                literal.parse::<std::net::IpAddr>().ok().map(drop)
            }
            None => self.dotted(),
        }
    }

    fn atom(&mut self) -> Option<&str> {
        let is_atom =
            |letter: char| !r#"()<>[]:;@\,""#.contains(letter) && (letter > '\x7f' || letter.is_ascii_graphic());
        let end = self.rest.find(|letter| !is_atom(letter)).unwrap_or(self.rest.len());
        let (atom, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(atom).filter(|atom| !atom.is_empty())
    }

    /// Atoms between dots.
    fn dotted(&mut self) -> Option<()> {
        let atom = self.atom()?;
        atom.split('.').all(|part| !part.is_empty()).then_some(())
    }

    /// What stands between the quotes.
    fn quoted(&mut self) -> Option<&str> {
        self.take('"')?;
        let mut escaped = false;
        for (at, letter) in self.rest.char_indices() {
            match letter {
                _ if letter.is_ascii_control() && letter != '\t' => return None,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    let (text, rest) = self.rest.split_at(at);
                    self.rest = &rest[1..];
                    return Some(text);
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases of net/mail's own tests that are about one address.
    #[test]
    fn addresses_are_read_as_go_reads_them() {
        for good in [
            "jdoe@machine.example",
            "John Doe <jdoe@machine.example>",
            r#""Joe Q. Public" <john.q.public@example.com>"#,
            "Joe Q. Public <john.q.public@example.com>",
            r#""John (middle) Doe" <jdoe@machine.example>"#,
            "<boss@nil.test>",
            r#""Giant; \"Big\" Box" <sysservices@example.net>"#,
            "jdoe@[192.168.0.1]",
            "John Doe <jdoe@[192.168.0.1]>",
            r#""quoted local"@example.com"#,
            "gopher@例え.テスト",
            "mary@x.test (Mary (a comment))",
            " joe@where.test ",
        ] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "joe",
            "@example.com",
            "joe@",
            "joe.@example.com",
            ".joe@example.com",
            "joe..doe@example.com",
            "joe@example..com",
            "John Doe@foo.bar",
            "John !@M@! Doe",
            "a@b a@b",
            "<a@b",
            "a@b>",
            "John Doe <jdoe@[999.0.0.1]>",
            r#"""@example.com"#,
            "jdoe@machine.example, mary@example.net",
            "jdoe@machine.example (comment",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
