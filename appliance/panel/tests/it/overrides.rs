//! A clinic's own templates: used when they are good, refused with the reason when they are not.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use machiai_panel::{FontPaths, Layout, Panel, TemplateError, TemplateFault, TemplateName, samples};

const GOOD: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="1920" height="1080" font-family="BIZ UDPGothic"><text y="90" font-size="48">{{ v.clinic.ja }}</text></svg>"#;

fn put(folder: &Path, text: &str) {
    File::create(folder.join("board-landscape.svg")).unwrap().write_all(text.as_bytes()).unwrap();
}

fn drawn(panel: &Panel) -> String {
    panel.board_svg(&samples::board(3, 2), Layout::Landscape).unwrap()
}

fn chain(fault: &TemplateFault) -> String {
    let mut text = fault.to_string();
    let mut cause = std::error::Error::source(fault);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[test]
fn a_good_template_is_used_and_its_removal_brings_back_the_built_in_one() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), GOOD);
    let (panel, faults) = Panel::open(&FontPaths::debian(), Some(folder.path())).unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    assert!(drawn(&panel).ends_with(r#"<text y="90" font-size="48">さくら台クリニック</text></svg>"#));
    fs::remove_file(folder.path().join("board-landscape.svg")).unwrap();
    assert!(panel.reload().is_empty());
    assert!(drawn(&panel).contains("第1診察室"));
}

#[test]
fn a_template_with_an_error_is_reported_and_the_last_good_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), GOOD);
    let (panel, _) = Panel::open(&FontPaths::debian(), Some(folder.path())).unwrap();
    let good = drawn(&panel);
    let svg = |inside: &str| GOOD.replace("<text", &format!("{inside}<text"));
    for (text, reason) in [
        ("{% if %}".to_owned(), "cannot be filled"),
        (svg("{{ v.no_such_thing }}"), "cannot be filled"),
        (svg("{% for i in range(900) %}{% for j in range(900) %}{{ j }}{% endfor %}{% endfor %}"), "fuel"),
        (svg("{{ v.clinic.ja|safe }}"), "safe"),
        ("not xml".to_owned(), "not plain XML"),
        (svg("<script/>"), "<script>"),
        (svg(r#"<rect filter="url(#f)"/>"#), "filter"),
        (svg(r#"<image href="/etc/passwd"/>"#), "href"),
        (svg(r#"<text font-family="Arial">x</text>"#), "Arial"),
        (svg("<text>🦄</text>"), "🦄"),
        (GOOD.replace("1920", "1921"), "1921×1080"),
        (" ".repeat(300_000), "larger than"),
    ] {
        put(folder.path(), &text);
        let faults = panel.reload();
        assert_eq!(faults.len(), 1, "{text:.80} was accepted");
        assert_eq!(faults[0].name, TemplateName::BoardLandscape);
        let said = chain(&faults[0]);
        assert!(said.contains(reason), "{said}: no {reason}");
        assert_eq!(drawn(&panel), good, "after {text:.80}");
    }
}

#[test]
fn a_bad_template_at_the_start_leaves_the_built_in_one_in_use() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "<svg");
    let (panel, faults) = Panel::open(&FontPaths::debian(), Some(folder.path())).unwrap();
    assert!(matches!(faults[0].cause, TemplateError::Drawing { .. }), "{faults:?}");
    assert!(drawn(&panel).contains("第1診察室"));
}

#[test]
fn a_template_that_fails_at_work_gives_way_to_the_built_in_one() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        &GOOD.replace("{{ v.clinic.ja }}", "{% if v.clinic.ja == 'ほか' %}{{ v.no_such_thing }}{% endif %}"),
    );
    let (panel, faults) = Panel::open(&FontPaths::debian(), Some(folder.path())).unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    let mut view = samples::board(3, 2);
    assert!(!panel.board_svg(&view, Layout::Landscape).unwrap().contains("第1診察室"));
    "ほか".clone_into(&mut view.clinic.ja);
    assert!(panel.board_svg(&view, Layout::Landscape).unwrap().contains("第1診察室"));
}

#[test]
fn the_built_in_templates_pass_their_own_check() {
    let folder = tempfile::tempdir().unwrap();
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kiosk-assets");
    for name in TemplateName::ALL {
        let source = match name {
            TemplateName::Ticket512 => "ticket-576.svg",
            TemplateName::NoticeLandscape | TemplateName::NoticePortrait => "notice.svg",
            TemplateName::EmergencyLandscape | TemplateName::EmergencyPortrait => "emergency.svg",
            TemplateName::BoardLandscape
            | TemplateName::BoardPortrait
            | TemplateName::CallLandscape
            | TemplateName::CallPortrait
            | TemplateName::Ticket576
            | TemplateName::Ticket384 => name.file(),
        };
        fs::copy(assets.join(source), folder.path().join(name.file())).unwrap();
    }
    let (_, faults) = Panel::open(&FontPaths::debian(), Some(folder.path())).unwrap();
    assert!(faults.is_empty(), "{}", faults.iter().map(chain).collect::<Vec<_>>().join("\n"));
}
