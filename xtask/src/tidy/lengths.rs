//! Files of at most 800 lines, functions of at most 70. What is longer stands in a list that may only shrink.

/// Lines a file may have.
const FILE_LINES: usize = 800;
/// Lines a function may have, its signature and last brace included.
const FUNCTION_LINES: usize = 70;

/// Files allowed to be longer, and how long. Tables and generated code only.
const LONG_FILES: &[(&str, usize)] = &[];

/// Functions allowed to be longer: (file, function, lines).
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[];

/// What is too long in one file.
pub fn check(path: &str, code: &str) -> Vec<String> {
    if code.starts_with("// @generated") || code.starts_with("// This file is @generated") {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    let lines = code.lines().count();
    let limit = LONG_FILES.iter().find(|(file, _)| *file == path).map_or(FILE_LINES, |(_, limit)| *limit);
    if lines > limit {
        wrong.push(format!("{path}: {lines} lines, at most {limit}"));
    }
    for (name, at, length) in functions(code) {
        let exception = LONG_FUNCTIONS.iter().find(|(file, function, _)| *file == path && *function == name);
        let limit = exception.map_or(FUNCTION_LINES, |(_, _, limit)| *limit);
        if length > limit {
            wrong.push(format!("{path}:{at}: fn {name} has {length} lines, at most {limit}"));
        }
    }
    wrong
}

/// Exceptions for files that are gone.
pub fn stale_exceptions(files: &[&str]) -> Vec<String> {
    let named = LONG_FILES.iter().map(|(file, _)| *file).chain(LONG_FUNCTIONS.iter().map(|(file, ..)| *file));
    named
        .filter(|file| !files.contains(file))
        .map(|file| format!("{file}: an exception for a file that is gone"))
        .collect()
}

/// `(name, first line, length)` of every function, by rustfmt's indentation: a body ends with a brace as deep as its `fn`.
fn functions(code: &str) -> Vec<(&str, usize, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let end = lines[at..].iter().position(|later| {
            let depth = later.len() - later.trim_start().len();
            depth == indent && (later.trim_start().starts_with('}') || later.trim_end().ends_with(';'))
        });
        if let Some(end) = end {
            found.push((name, at + 1, end + 1));
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    for word in ["pub(crate) ", "pub(super) ", "pub ", "const ", "async ", "unsafe ", "extern \"C\" "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    rest.strip_prefix("fn ")?.split(['(', '<']).next()
}
