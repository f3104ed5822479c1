//! All pages as a browser lays them out.

use std::fs;
use std::path::{Path, PathBuf};

use crate::chromium::{self, Chromium, Scheme};

/// Narrow as a phone, and wide.
const WIDTHS: [u32; 2] = [360, 1280];

/// Nothing is cut off, runs over the edge or is too pale, light and dark, and no console says anything.
pub(crate) fn by_chromium(pages: &[&Path]) {
    let Some(chromium) = Chromium::find() else { return };
    for scheme in [Scheme::Light, Scheme::Dark] {
        let seen = chromium.probe_all(pages, &WIDTHS, scheme);
        let names = pages.iter().flat_map(|page| WIDTHS.map(|width| (page, width)));
        for ((page, width), (texts, wrong)) in names.zip(seen) {
            assert!(texts > 4, "only {texts} texts of {} were looked at", page.display());
            assert_eq!(wrong, [""; 0], "{}, {scheme:?}, {width} wide", page.display());
        }
    }
    assert_eq!(chromium.console(pages), [""; 0]);
    let pdf = chromium.pdf(pages[0], &pages[0].with_extension("pdf"));
    assert!(pdf.starts_with(b"%PDF") && (1..10).contains(&chromium::pages(&pdf)), "on paper");
    can_fail(&chromium, pages[0]);
    let Some(folder) = std::env::var_os("STAIRWAY_SCREENSHOTS").map(PathBuf::from) else { return };
    fs::create_dir_all(&folder).unwrap();
    for page in pages {
        let name = page.file_stem().unwrap().to_string_lossy();
        for (scheme, word) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
            for (width, height) in [(500, 6000), (1280, 3600)] {
                let file = folder.join(format!("{name}-{word}-{width}.png"));
                chromium.screenshot(page, (width, height), scheme, &file);
            }
        }
    }
}

/// A page that is too wide, too pale and asks for something from elsewhere is seen to be so.
fn can_fail(chromium: &Chromium, page: &Path) {
    let spoils = "body { min-width: 60rem; } .tool { color: #999999; }</style>";
    let source = fs::read_to_string(page).unwrap().replace("</style>", spoils);
    let spoilt = page.with_extension("spoilt.html");
    let asks = "<img src=\"https://example.org/a.png\" alt=\"\"></body>";
    fs::write(&spoilt, source.replace("</body>", asks)).unwrap();
    let (_, wrong) = chromium.probe(&spoilt, 360, Scheme::Light);
    for word in ["outside: ", "contrast 2.", " wide"] {
        assert!(wrong.iter().any(|it| it.contains(word)), "{word}: {wrong:?}");
    }
    let console = chromium.console(&[&spoilt]);
    assert!(console.iter().any(|it| it.contains("Content Security Policy")), "{console:?}");
}
