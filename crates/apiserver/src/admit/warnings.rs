//! Texts that go out as `Warning` headers, each once. Clients stop reading where headers grow too large, so that upstream's limits hold
//! (apiserver/pkg/endpoints/filters/warning.go): beyond 4096 characters in all each text is cut to 256, and what still exceeds is left out.

use parking_lot::Mutex;

const TOTAL_CHARS: usize = 4 * 1024;
const ITEM_CHARS: usize = 256;

/// The warnings of one answer.
#[derive(Debug, Default)]
pub struct Warnings(Mutex<Texts>);

#[derive(Debug)]
struct Texts {
    /// As they were added.
    texts: Vec<String>,
    /// Characters that go out.
    written: usize,
    cutting: bool,
    total: usize,
    item: usize,
}

impl Default for Texts {
    fn default() -> Self {
        Self { texts: Vec::new(), written: 0, cutting: false, total: TOTAL_CHARS, item: ITEM_CHARS }
    }
}

impl Texts {
    fn add(&mut self, text: String) {
        let full = self.cutting && self.written >= self.total;
        if text.is_empty() || full || self.texts.contains(&text) {
            return;
        }
        let length = text.chars().count();
        self.written += if self.cutting { length.min(self.item) } else { length };
        self.texts.push(text);
        if !self.cutting && self.written > self.total {
            tracing::debug!("warnings exceed what headers hold: they are cut");
            self.cutting = true;
            self.written = self.texts.iter().map(|text| text.chars().count().min(self.item)).sum();
        }
    }

    fn take(&mut self) -> Vec<String> {
        let Self { texts, cutting, item, .. } = std::mem::take(self);
        if !cutting {
            return texts;
        }
        texts.into_iter().map(|text| text.chars().take(item).collect()).collect()
    }
}

impl Warnings {
    pub fn add(&self, text: impl Into<String>) {
        self.0.lock().add(text.into());
    }

    pub fn take(&self) -> Vec<String> {
        self.0.lock().take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(texts: &[&str]) -> Vec<String> {
        let limits = Texts { total: 25, item: 5, ..Texts::default() };
        let warnings = Warnings(Mutex::new(limits));
        texts.iter().for_each(|text| warnings.add(*text));
        warnings.take()
    }

    /// Upstream's TestTruncation.
    #[test]
    fn warnings_are_cut_as_upstream_cuts_them() {
        let few = ["aaaaaaaaaa", "aaaaaaaaaa", "bb", "ccc", "Iñtërnâtiô"];
        assert_eq!(taken(&few), ["aaaaaaaaaa", "bb", "ccc", "Iñtërnâtiô"]);
        let many = [&few[..], &["e", "ffffffffff", "ffffffffff", "gggggggggg", "h"]].concat();
        assert_eq!(taken(&many), ["aaaaa", "bb", "ccc", "Iñtër", "e", "fffff", "ggggg"]);
    }

    #[test]
    fn a_thousand_warnings_fit_into_headers() {
        let warnings = Warnings::default();
        for n in 0..1000 {
            warnings.add(format!("{n} {}", "x".repeat(1000)));
        }
        let taken = warnings.take();
        assert_eq!((taken.len(), taken.iter().all(|text| text.chars().count() == 256)), (16, true));
    }
}
