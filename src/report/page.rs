//! The HTML file around the data.

use crate::error::{Domain, Error, Result};
use crate::exchange::Sink;

/// What the browser may do: run these scripts and use these styles, and reach nothing. Made of the assets by bindings/generate.py.
const POLICY: &str = include_str!("assets/policy.txt");
const LIBRARY_STYLE: &str = include_str!("assets/uplot.css");
const STYLE: &str = include_str!("assets/report.css");
const BODY: &str = include_str!("assets/body.html");
const LICENCE: &str = include_str!("assets/uplot-LICENSE.txt");

/// A script of the assets, as build.rs has packed it.
macro_rules! packed {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".deflate"))
    };
}

const LIBRARY: &[u8] = packed!("uplot.js");
const SCRIPTS: [&[u8]; 5] =
    [packed!("data.js"), packed!("chart.js"), packed!("table.js"), packed!("sections.js"), packed!("main.js")];
/// No script is larger.
const LARGEST: usize = 1 << 20;

/// The text of a script.
fn unpacked(script: &[u8]) -> Result<String> {
    let damaged = || Error::internal(Domain::Database, "a script of the page is damaged");
    let bytes = miniz_oxide::inflate::decompress_to_vec_with_limit(script, LARGEST).map_err(|_| damaged())?;
    String::from_utf8(bytes).map_err(|_| damaged())
}

/// What stands before the data.
pub fn head(title: &str) -> String {
    let title = in_html(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"generator\" content=\"expmig {}\">\n\
         <title>{title}</title>\n<style>{LIBRARY_STYLE}</style>\n<style>{STYLE}</style>\n</head>\n{BODY}\
         <script type=\"application/json\" id=\"data\">",
        POLICY.trim(),
        env!("CARGO_PKG_VERSION"),
    )
}

/// What stands after it.
pub fn tail() -> Result<String> {
    // The library's licence wants to be in every copy.
    let mut text =
        format!("</script>\n<!--\nuPlot:\n{}\n-->\n<script>{}</script>\n", LICENCE.trim(), unpacked(LIBRARY)?);
    for script in SCRIPTS {
        text.extend(["<script>", &unpacked(script)?, "</script>\n"]);
    }
    text.push_str("</body>\n</html>\n");
    Ok(text)
}

/// A text as it stands in HTML.
fn in_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // Nobody sees them, and a parser may object.
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// JSON on its way into a script element. Only in strings can it have a `<`, which could end the element, and which can be written otherwise there.
pub struct InScript<'s> {
    sink: &'s mut dyn Sink,
    escaped: Vec<u8>,
    /// How many bytes it came to.
    pub written: u64,
}

impl<'s> InScript<'s> {
    pub fn new(sink: &'s mut dyn Sink) -> InScript<'s> {
        InScript { sink, escaped: Vec::new(), written: 0 }
    }
}

impl Sink for InScript<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.escaped.clear();
        let mut rest = bytes;
        while let Some(at) = memchr::memchr(b'<', rest) {
            let (before, after) = rest.split_at(at);
            self.escaped.extend_from_slice(before);
            self.escaped.extend_from_slice(br"\u003c");
            rest = after.get(1..).unwrap_or_default();
        }
        self.escaped.extend_from_slice(rest);
        self.written += self.escaped.len() as u64;
        self.sink.write(&self.escaped)
    }
}

#[cfg(test)]
mod tests {
    use super::{InScript, LIBRARY, SCRIPTS, Sink, in_html, unpacked};

    #[test]
    fn a_title_stays_text() {
        assert_eq!(in_html("</title><b a=\"1\">&\n"), "&lt;/title&gt;&lt;b a=&quot;1&quot;&gt;&amp; ");
    }

    #[test]
    fn nothing_in_the_data_can_end_the_script() {
        let mut out: Vec<u8> = Vec::new();
        let data = serde_json::json!({"<!--": "</script><script>alert(1)</script>", "a<": "<"}).to_string();
        InScript::new(&mut out).write(data.as_bytes()).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains('<'), "{text}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            serde_json::from_str::<serde_json::Value>(&data).unwrap()
        );
    }

    #[test]
    fn no_asset_ends_its_own_element_or_reaches_out() {
        let library = unpacked(LIBRARY).unwrap();
        let scripts: Vec<String> = SCRIPTS.into_iter().map(|script| unpacked(script).unwrap()).collect();
        assert!(scripts.iter().all(|script| script.len() > 1000) && library.len() > 50_000);
        let styles = [&library, super::STYLE, super::LIBRARY_STYLE, super::BODY];
        for text in scripts.iter().map(String::as_str).chain(styles) {
            assert!(!text.contains("</script") && !text.contains("</style") && !text.contains("<!--"));
            assert!(!text.contains("innerHTML") || text == library);
            for way_out in ["fetch(", "XMLHttpRequest", "WebSocket", "src=\"http", "url(http", "@import"] {
                assert!(!text.contains(way_out), "{way_out}");
            }
        }
        assert!(!super::LICENCE.contains("--"));
    }
}
