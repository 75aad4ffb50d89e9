//! A place in a tree while walking it: a list through the walker's stack frames, written out only when something is to be reported.

use std::fmt;

/// Where a walk is; each step borrows the one before from its caller's frame.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    /// An entry of a map: written like a field.
    Entry(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
    /// An entry of a map, set apart by a dot even at the root.
    Dotted(&'a Path<'a>, &'a str),
    /// An entry of a map in brackets.
    Bracket(&'a Path<'a>, &'a str),
    /// An item of a list, under what its list calls it.
    Item(&'a Path<'a>, &'a dyn fmt::Display),
}

impl<'a> Path<'a> {
    /// A place that is named as a whole; the root, if it has no name.
    pub fn named(name: &'a str) -> Self {
        if name.is_empty() { Path::Root } else { Path::Key(&Path::Root, name) }
    }

    /// The path as it is told where much may have to be told: its first 4 KiB, since a name may be as long as a body.
    pub fn told(&self) -> String {
        let mut told = Told(String::new());
        let is_whole = fmt::Write::write_fmt(&mut told, format_args!("{self}")).is_ok();
        if is_whole { told.0 } else { told.0 + "..." }
    }
}

const TOLD_BYTES: usize = 4096;

/// Refuses what is beyond its bound.
struct Told(String);

impl fmt::Write for Told {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = TOLD_BYTES - self.0.len();
        let end = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        self.0.push_str(&text[..end]);
        if text.len() > room { Err(fmt::Error) } else { Ok(()) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Key(Path::Root, key) | Path::Entry(Path::Root, key) => f.write_str(key),
            Path::Key(parent, key) | Path::Entry(parent, key) | Path::Dotted(parent, key) => {
                write!(f, "{parent}.{key}")
            }
            Path::Bracket(parent, key) => write!(f, "{parent}[{key}]"),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Path::Item(parent, item) => write!(f, "{parent}{item}"),
        }
    }
}
