//! Transcripts: commands with what they print, for the objects in `cases/world`. The expected side is what the real kubectl prints for
//! the same objects: `KUBECTL=/path/to/kubectl cargo test -p cli transcripts` runs it and rewrites the files.
//!
//! `$ get pods` starts with fresh objects, `$+ get pods` goes on with those that the command before has changed. Below stand stdout,
//! stderr (each line after `! `) and the exit code where it is not 0 (`? 1`). `\` ends an output without a line's end. A file's first line
//! says when it was recorded: ages are of that time.

mod fake;
mod world;

use std::path::{Path, PathBuf};
use std::process::Command;

use fake::Fake;
use jiff::Timestamp;

/// A command and what it prints.
struct Case {
    line: String,
    expected: String,
}

#[test]
fn transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("cases").flatten().map(|file| file.path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "txt"));
    files.sort();
    let only = std::env::var("ONLY").unwrap_or_default();
    let oracle = std::env::var("KUBECTL").ok();
    let mut wrong = 0;
    for file in files.iter().filter(|file| file.to_string_lossy().contains(&only)) {
        let text = std::fs::read_to_string(file).expect("a case file");
        let (head, cases) = parse(&text);
        let now = if oracle.is_some() { Timestamp::now() } else { recorded(&head) };
        let mut fake = Fake::start(&folder, now);
        let mut written = format!("{RECORDED}{now:.0}\n");
        for case in cases {
            if !case.line.starts_with("$+") {
                fake.stop();
                fake = Fake::start(&folder, now);
            }
            let arguments = words(case.line.trim_start_matches("$+").trim_start_matches('$'));
            let actual = match &oracle {
                Some(kubectl) => run_oracle(kubectl, &fake, &arguments),
                None => run_ours(&fake, arguments, now),
            };
            if oracle.is_none() && actual != case.expected {
                wrong += 1;
                println!("{}: {}\n{}", file.display(), case.line, difference(&case.expected, &actual));
            }
            written.push_str(&format!("{}\n{actual}", case.line));
        }
        fake.stop();
        if oracle.is_some() {
            std::fs::write(file, written).expect("write the case file");
        }
    }
    assert_eq!(wrong, 0, "transcripts that differ");
}

const RECORDED: &str = "# recorded at ";

fn recorded(head: &str) -> Timestamp {
    head.trim_end().strip_prefix(RECORDED).expect("the first line says when").parse().expect("a time")
}

fn parse(text: &str) -> (String, Vec<Case>) {
    let (mut head, mut cases) = (String::new(), Vec::<Case>::new());
    for line in text.lines() {
        if line.starts_with("$ ") || line.starts_with("$+ ") {
            cases.push(Case { line: line.to_owned(), expected: String::new() });
        } else {
            let target = cases.last_mut().map_or(&mut head, |case| &mut case.expected);
            target.push_str(line);
            target.push('\n');
        }
    }
    (head, cases)
}

/// Splits at white space outside quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '"' | '\'') => (quote, begun) = (Some(letter), true),
            (None, ' ') => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            _ => {
                word.push(letter);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

fn run_oracle(kubectl: &str, fake: &Fake, arguments: &[String]) -> String {
    let mut command = Command::new(kubectl);
    command.args(arguments).env("KUBECONFIG", fake.kubeconfig()).env("HOME", fake.home()).env("TZ", "UTC");
    let output = command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/cases")).output().expect("run the oracle");
    transcript(&output.stdout, &output.stderr, output.status.code().unwrap_or(-1))
}

fn run_ours(fake: &Fake, mut arguments: Vec<String>, now: Timestamp) -> String {
    let kubeconfig = fake.kubeconfig().to_string_lossy().into_owned();
    arguments.splice(0..0, ["--kubeconfig".to_owned(), kubeconfig]);
    for file in &mut arguments {
        *file = file.replace("files/", concat!(env!("CARGO_MANIFEST_DIR"), "/cases/files/"));
    }
    crate::terminal::take();
    let code = crate::run(arguments, now);
    let written = crate::terminal::taken();
    transcript(&written.out, &written.err, i32::from(code))
}

fn transcript(out: &[u8], err: &[u8], code: i32) -> String {
    let mut text = String::from_utf8_lossy(out).into_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push_str("\\\n");
    }
    // The oracle's own log lines (I1121 ...) are about the fake server.
    let is_log = |line: &&str| line.starts_with('I') && line[1..].bytes().take(4).all(|byte| byte.is_ascii_digit());
    for line in String::from_utf8_lossy(err).lines().filter(|line| !is_log(line)) {
        text.push_str(&format!("! {line}\n"));
    }
    if code != 0 {
        text.push_str(&format!("? {code}\n"));
    }
    text
}

fn difference(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let same = expected.iter().zip(&actual).take_while(|(left, right)| left == right).count();
    let tail = |lines: &[&str]| {
        lines[same.min(lines.len())..].iter().take(14).map(|line| format!("{line}\n")).collect::<String>()
    };
    format!("after {same} equal lines, expected:\n{}but was:\n{}", tail(&expected), tail(&actual))
}
