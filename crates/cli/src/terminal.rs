//! Where verbs write: stdout and stderr; a test on the same thread can take what is written.

use std::cell::RefCell;
use std::fmt::Arguments;
use std::io::Write;

/// What a command has written.
#[derive(Debug, Default)]
pub struct Written {
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

thread_local! {
    static TAKEN: RefCell<Option<Written>> = const { RefCell::new(None) };
}

/// From here on the thread's output is kept.
#[cfg(test)]
pub fn take() {
    TAKEN.set(Some(Written::default()));
}

/// What was written since [`take`].
#[cfg(test)]
pub fn taken() -> Written {
    TAKEN.take().unwrap_or_default()
}

/// What was written to stdout since [`take`], so far.
#[cfg(test)]
pub fn seen() -> Vec<u8> {
    TAKEN.with_borrow(|taken| taken.as_ref().map(|taken| taken.out.clone()).unwrap_or_default())
}

/// Writes to stdout. A reader that went away (`| head`) ends the program, quietly.
pub fn out(bytes: &[u8]) {
    let kept = TAKEN.with_borrow_mut(|taken| taken.as_mut().map(|taken| taken.out.extend_from_slice(bytes)).is_some());
    if !kept && std::io::stdout().write_all(bytes).and_then(|()| std::io::stdout().flush()).is_err() {
        std::process::exit(1);
    }
}

/// Writes to stderr. Where that fails nobody can be told.
pub fn err(bytes: &[u8]) {
    let kept = TAKEN.with_borrow_mut(|taken| taken.as_mut().map(|taken| taken.err.extend_from_slice(bytes)).is_some());
    if !kept {
        drop(std::io::stderr().write_all(bytes));
    }
}

pub fn out_text(text: Arguments<'_>) {
    out(text.to_string().as_bytes());
}

pub fn err_text(text: Arguments<'_>) {
    err(text.to_string().as_bytes());
}

/// `print!` to the terminal or the test.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::terminal::out_text(format_args!($($text)*)) };
}

/// `println!` to the terminal or the test.
#[macro_export]
macro_rules! sayln {
    () => { $crate::terminal::out(b"\n") };
    ($($text:tt)*) => { $crate::terminal::out_text(format_args!("{}\n", format_args!($($text)*))) };
}

/// `eprintln!` to the terminal or the test.
#[macro_export]
macro_rules! warnln {
    ($($text:tt)*) => { $crate::terminal::err_text(format_args!("{}\n", format_args!($($text)*))) };
}
