//! PEM: base64 between BEGIN and END lines.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One PEM block, lines of 64 characters.
pub fn pem_encode(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64 is ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The contents of all blocks with this label; text around them is skipped. A damaged block is left out.
pub fn pem_decode(label: &str, text: &str) -> Vec<Vec<u8>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let blocks = text.split(begin.as_str()).skip(1).filter_map(|rest| rest.split_once(end.as_str()));
    blocks
        .filter_map(|(body, _)| {
            let packed: String = body.split_ascii_whitespace().collect();
            // A block that is no base64 is no certificate: the caller sees that none is there.
            STANDARD.decode(packed).ok()
        })
        .collect()
}
