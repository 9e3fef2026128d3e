//! The results as a picture: bars for every quantity that several contenders of a row have.

use std::fmt::Write;

use super::report::{Report, RowReport, shown};
use super::rows::Figure;

const WIDTH: u32 = 860;
const LABELS: u32 = 330;
const BARS: u32 = 400;
const LINE: u32 = 22;

/// Draws the results as SVG.
pub(crate) fn draw(report: &Report) -> String {
    let mut body = String::new();
    let mut y = 28;
    text(
        &mut body,
        16,
        y,
        "title",
        "What resets cost, beside the baselines of the same run",
    );
    y += LINE;
    text(&mut body, 16, y, "note", &report.machine());
    for row in &report.rows {
        let panels = panels(row);
        if panels.is_empty() {
            continue;
        }
        y += 2 * LINE;
        text(&mut body, 16, y, "row", row.title);
        for panel in panels {
            y += LINE;
            text(&mut body, 16, y, "note", panel.quantity);
            let longest = panel.bars.iter().map(|(_, figure)| figure.value).fold(0.0, f64::max);
            for (name, figure) in panel.bars {
                y += LINE;
                text(&mut body, 32, y, "name", name);
                let share = if longest > 0.0 {
                    figure.value.max(0.0) / longest
                } else {
                    0.0
                };
                // A bar that is too short to be seen is not nothing.
                let length = (share * f64::from(BARS)).max(1.0);
                let class = if is_ours(name) { "ours" } else { "other" };
                let top = y - 12;
                // Writing into a string cannot fail.
                let _ = writeln!(
                    body,
                    r#"<rect class="{class}" x="{LABELS}" y="{top}" width="{length:.1}" height="15"/>"#
                );
                text(&mut body, LABELS + length as u32 + 6, y, "value", &shown(figure));
            }
        }
    }
    let height = y + LINE;
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">
<style>
text {{ font: 13px system-ui, sans-serif; fill: #24292f; }}
.title {{ font-size: 18px; font-weight: 600; }}
.row {{ font-weight: 600; }}
.note {{ fill: #57606a; }}
.ours {{ fill: #0969da; }}
.other {{ fill: #afb8c1; }}
</style>
<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>
{body}</svg>
"##
    )
}

/// The bars of one quantity.
struct Panel<'a> {
    quantity: &'static str,
    bars: Vec<(&'a str, &'a Figure)>,
}

fn panels(row: &RowReport) -> Vec<Panel<'_>> {
    let contenders = &row.measured.contenders;
    let mut panels: Vec<Panel<'_>> = Vec::new();
    for contender in contenders {
        for figure in &contender.figures {
            match panels.iter_mut().find(|panel| panel.quantity == figure.quantity) {
                Some(panel) => panel.bars.push((&contender.name, figure)),
                None => panels.push(Panel {
                    quantity: figure.quantity,
                    bars: vec![(&contender.name, figure)],
                }),
            }
        }
    }
    panels.retain(|panel| panel.bars.len() > 1);
    panels
}

fn is_ours(name: &str) -> bool {
    ["PowerShell", "C ABI", "this module"]
        .iter()
        .any(|ours| name.starts_with(ours))
}

fn text(body: &mut String, x: u32, y: u32, class: &str, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(body, r#"<text class="{class}" x="{x}" y="{y}">{content}</text>"#);
}
