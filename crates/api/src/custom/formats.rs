//! The formats of texts that definitions may ask for (kube-openapi strfmt). Unknown ones are ignored, as upstream does.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use regex::Regex;

use super::mailbox;
use crate::names;

/// Whether the text is of this format. Names of formats are compared without their dashes.
pub(super) fn is_valid(format: &str, text: &str) -> bool {
    match format.replace('-', "").as_str() {
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "uri" => is_uri(text),
        "email" => mailbox::is_address(text),
        "creditcard" => is_credit_card(text),
        "hostname" => is_hostname(text),
        "mac" => is_mac(text),
        "byte" => STANDARD.decode(text).is_ok(),
        "date" => text.len() == 10 && text.parse::<Date>().is_ok(),
        "datetime" => is_date_time(text),
        "duration" => is_duration(text),
        "k8sshortname" => names::dns1123_label(text).is_empty(),
        "k8slongname" => names::dns1123_subdomain(text).is_empty(),
        "isbn" => is_isbn10(text) || is_isbn13(text),
        "isbn10" => is_isbn10(text),
        "isbn13" => is_isbn13(text),
        other => match PATTERNS.iter().find(|(name, _)| *name == other) {
            Some((_, pattern)) => pattern.as_ref().is_some_and(|pattern| pattern.is_match(text)),
            // A password is any text.
            None => true,
        },
    }
}

static PATTERNS: LazyLock<[(&str, Option<Regex>); 9]> = LazyLock::new(|| {
    const HEX: &str = "[0-9a-fA-F]";
    let uuid = |third: &str, fourth: &str| format!("^{HEX}{{8}}-?{HEX}{{4}}-?{third}-?{fourth}-?{HEX}{{12}}$");
    let (any, three) = (format!("{HEX}{{4}}"), format!("{HEX}{{3}}"));
    let component = "(0|1[0-9]{0,2}|2[0-4][0-9]?|25[0-5]|[2-9][0-9]?)";
    [
        ("uuid", uuid(&any, &any)),
        ("uuid3", uuid(&format!("3{three}"), &any)),
        ("uuid4", uuid(&format!("4{three}"), &format!("[89abAB]{three}"))),
        ("uuid5", uuid(&format!("5{three}"), &format!("[89abAB]{three}"))),
        ("bsonobjectid", format!("^{HEX}{{24}}$")),
        ("ssn", "^[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}$".to_owned()),
        ("hexcolor", format!("^#?({HEX}{{3}}|{HEX}{{6}})$")),
        ("rgbcolor", format!("^rgb\\(\\s*{component}\\s*,\\s*{component}\\s*,\\s*{component}\\s*\\)$")),
        ("password", "".to_owned()),
    ]
    .map(|(name, pattern)| (name, Regex::new(&pattern).ok()))
});

fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let plain = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    let length = length.parse::<u8>().ok().filter(|_| plain);
    let (v4, v6) = (address.parse::<Ipv4Addr>().is_ok(), address.parse::<Ipv6Addr>().is_ok());
    length.is_some_and(|length| v4 && length <= 32 || v6 && length <= 128)
}

/// Go's url.ParseRequestURI: an absolute path, or a scheme with something behind it.
fn is_uri(text: &str) -> bool {
    if text.starts_with('/') {
        return !text.chars().any(|character| character.is_control());
    }
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let mut letters = scheme.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.'))
        && !rest.is_empty()
        && !text.chars().any(|character| character.is_control() || character == ' ')
}

fn is_hostname(text: &str) -> bool {
    let labels: Vec<&str> = text.split('.').collect();
    let is_word = |letter: char| letter.is_alphanumeric() || !letter.is_ascii() && !letter.is_control();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|letter| is_word(letter) || letter == '-')
            && label.chars().next().is_some_and(is_word)
            && label.chars().last().is_some_and(is_word)
    };
    let top = labels.last().copied().unwrap_or_default();
    let is_top = labels.len() == 1 || top.chars().count() >= 2 && top.chars().all(char::is_alphabetic);
    text.len() <= 255 && labels.iter().all(is_label) && is_top
}

/// Groups of hexadecimal digits by colons, dashes or dots, of 6, 8 or 20 bytes.
fn is_mac(text: &str) -> bool {
    let digits =
        |width: usize| move |group: &str| group.len() == width && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    let all = |separator: char, width: usize, counts: [usize; 3]| {
        counts.contains(&text.split(separator).count()) && text.split(separator).all(digits(width))
    };
    all(':', 2, [6, 8, 20]) || all('-', 2, [6, 8, 20]) || all('.', 4, [3, 4, 10])
}

/// RFC 3339, and the few variants of it that upstream reads.
fn is_date_time(text: &str) -> bool {
    text.len() >= 16
        && text.as_bytes()[10] == b'T'
        && (text.parse::<Timestamp>().is_ok() || text.parse::<DateTime>().is_ok())
}

/// Go's durations, and a number with a unit by name.
fn is_duration(text: &str) -> bool {
    is_go_duration(text) || is_named_duration(text)
}

fn is_go_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    while !rest.is_empty() {
        let number =
            rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.').len();
        if !rest[..number].bytes().any(|byte| byte.is_ascii_digit()) || rest[..number].matches('.').count() > 1 {
            return false;
        }
        let units = ["ns", "us", "µs", "μs", "ms", "s", "m", "h"];
        let Some(unit) = units.iter().find(|unit| rest[number..].starts_with(**unit)) else { return false };
        rest = &rest[number + unit.len()..];
    }
    !text.is_empty()
}

fn is_named_duration(text: &str) -> bool {
    const UNITS: [&str; 24] = [
        "ns",
        "nano",
        "nanosecond",
        "us",
        "µs",
        "micro",
        "microsecond",
        "ms",
        "milli",
        "millisecond",
        "s",
        "sec",
        "second",
        "m",
        "min",
        "minute",
        "h",
        "hr",
        "hour",
        "d",
        "day",
        "w",
        "wk",
        "week",
    ];
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let unit = text[digits..].trim();
    digits > 0 && (UNITS.contains(&unit) || unit.strip_suffix('s').is_some_and(|unit| UNITS.contains(&unit)))
}

fn digits(text: &str) -> Vec<u32> {
    let plain = text.chars().filter(|letter| !matches!(letter, '-' | ' '));
    plain.map(|letter| if letter == 'X' { 10 } else { letter.to_digit(10).unwrap_or(u32::MAX) }).collect()
}

/// Issuers of cards that upstream knows: how their numbers begin (from, to), and how long they are.
const ISSUERS: [(&str, &str, usize); 11] = [
    ("4", "4", 13),
    ("4", "4", 16),
    ("51", "55", 16),
    ("6011", "6011", 16),
    ("65", "65", 16),
    ("34", "34", 15),
    ("37", "37", 15),
    ("300", "305", 14),
    ("36", "36", 14),
    ("38", "38", 14),
    ("35", "35", 16),
];

/// Whatever stands between the digits; the last of them is Luhn's.
fn is_credit_card(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let issued = |(from, to, length): &(&str, &str, usize)| {
        digits.len() == *length && (*from..=*to).contains(&&digits[..from.len()])
    };
    let old = digits.len() == 15 && (digits.starts_with("2131") || digits.starts_with("1800"));
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let values = digits.chars().rev().filter_map(|digit| digit.to_digit(10)).enumerate();
    let sum: u32 = values.map(|(at, digit)| if at % 2 == 1 { doubled(digit) } else { digit }).sum();
    (old || ISSUERS.iter().any(issued)) && sum.is_multiple_of(10)
}

fn is_isbn10(text: &str) -> bool {
    let digits = digits(text);
    let plain = |(at, digit): (usize, &u32)| *digit < 10 || at == 9 && *digit == 10;
    digits.len() == 10
        && digits.iter().enumerate().all(plain)
        && digits.iter().enumerate().map(|(at, digit)| (at as u32 + 1) * digit).sum::<u32>() % 11 == 0
}

fn is_isbn13(text: &str) -> bool {
    let digits = digits(text);
    let weight = |at: usize| if at.is_multiple_of(2) { 1 } else { 3 };
    digits.len() == 13
        && digits.iter().all(|digit| *digit < 10)
        && digits.iter().enumerate().map(|(at, digit)| weight(at) * digit).sum::<u32>() % 10 == 0
}
