//! Headless Chromium, Debian's package: what a page is once a browser has read it.
//!
//! Each call is a process of its own with a profile of its own, without any network, in a group that ends
//! with it. Where there is none tests say that they are skipped, and fail where
//! `STAIRWAY_REQUIRE_CHROMIUM=1`.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

/// No page takes longer.
const PATIENCE: Duration = Duration::from_mins(2);

/// Which scheme a reader prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

pub(crate) struct Chromium {
    program: PathBuf,
}

impl Chromium {
    /// `None` where there is none.
    pub(crate) fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|folder| folder.join("chromium"));
        let found = found.into_iter().find(|it| it.is_file());
        if found.is_none() {
            let required = stairway::env::REQUIRE_CHROMIUM.is_on();
            assert!(!required, "STAIRWAY_REQUIRE_CHROMIUM=1, but there is no chromium");
            eprintln!("SKIPPED: no chromium here; try: apt-get install chromium fonts-dejavu-core");
        }
        found.map(|program| Self { program })
    }

    /// The document as it is after parsing.
    pub(crate) fn dom(&self, page: &Path, scheme: Scheme) -> String {
        self.run(page, (1400, 900), scheme, "--dump-dom")
    }

    /// What is wrong with a page that is laid out so wide, and how many texts it has.
    pub(crate) fn probe(&self, page: &Path, width: u32, scheme: Scheme) -> (usize, Vec<String>) {
        self.probe_all(&[page], &[width], scheme).remove(0)
    }

    /// The same of each page at each width, by one process. They are laid out in frames: no window is
    /// narrower than half a screen.
    pub(crate) fn probe_all(
        &self,
        pages: &[&Path],
        widths: &[u32],
        scheme: Scheme,
    ) -> Vec<(usize, Vec<String>)> {
        let script = format!("<script>{}</script></body>", include_str!("probe.js"));
        let mut around = "<!DOCTYPE html><html><head><meta charset=\"utf-8\">\
             <meta name=\"color-scheme\" content=\"light dark\"></head><body>"
            .to_owned();
        let mut frames = Vec::new();
        for page in pages {
            let source = fs::read_to_string(page).unwrap();
            // The page's own policy lets no script run.
            let (start, end) =
                (source.find("<meta http-equiv").unwrap(), source.find("<meta name").unwrap());
            let inside = (source[..start].to_owned() + &source[end..]).replace("</body>", &script);
            let inside = inside.replace('&', "&amp;").replace('"', "&quot;");
            for width in widths {
                let name = format!("probe-{}", frames.len());
                let _ = write!(
                    around,
                    "<iframe name=\"{name}\" width=\"{width}\" height=\"900\" style=\"border: 0\" \
                     srcdoc=\"{inside}\"></iframe>"
                );
                frames.push((name, *width));
            }
        }
        let file = pages[0].with_extension("probed.html");
        fs::write(&file, around + "</body></html>").unwrap();
        let dom = self.dom(&file, scheme);
        let scheme = format!("{scheme:?}").to_lowercase();
        let told = |(name, width): (String, u32)| {
            let told = dom.split(&format!("<pre id=\"{name}\">")).nth(1);
            let told = told.unwrap_or_else(|| panic!("{name} says nothing: {dom}"));
            let mut told = told.split("</pre>").next().unwrap().lines().map(str::to_owned);
            let first = told.next().unwrap();
            let texts = first.strip_prefix(&format!("{width} wide, {scheme}, "));
            let texts = texts.and_then(|it| it.strip_suffix(" texts")?.parse().ok());
            (texts.unwrap_or_else(|| panic!("{first}")), told.collect())
        };
        frames.into_iter().map(told).collect()
    }

    /// What a console shows of these pages as they are, each with its own policy, by one process.
    pub(crate) fn console(&self, pages: &[&Path]) -> Vec<String> {
        let frame = |page: &&Path| format!("<iframe src=\"{}\"></iframe>", address(page));
        let frames: String = pages.iter().map(frame).collect();
        let file = pages[0].with_extension("framed.html");
        fs::write(&file, format!("<!DOCTYPE html><html><body>{frames}</body></html>")).unwrap();
        let profile = tempfile::tempdir().unwrap();
        let mut command = self.command(profile.path(), (1400, 900), Scheme::Light, "--dump-dom");
        command.args(["--enable-logging=stderr", &address(&file)]);
        let (_, errors) = ended(command.spawn().unwrap());
        errors.lines().filter(|it| it.contains("CONSOLE")).map(str::to_owned).collect()
    }

    /// A picture of its first `height` pixels.
    pub(crate) fn screenshot(
        &self,
        page: &Path,
        (width, height): (u32, u32),
        scheme: Scheme,
        to: &Path,
    ) -> Picture {
        self.run(page, (width, height), scheme, &format!("--screenshot={}", to.display()));
        Picture::read(to)
    }

    /// What a printer is given.
    pub(crate) fn pdf(&self, page: &Path, to: &Path) -> Vec<u8> {
        self.run(page, (1000, 900), Scheme::Dark, &format!("--print-to-pdf={}", to.display()));
        fs::read(to).unwrap()
    }

    fn run(&self, page: &Path, size: (u32, u32), scheme: Scheme, what: &str) -> String {
        let profile = tempfile::tempdir().unwrap();
        let mut command = self.command(profile.path(), size, scheme, what);
        ended(command.arg(address(page)).spawn().unwrap()).0
    }

    fn command(
        &self,
        profile: &Path,
        (width, height): (u32, u32),
        scheme: Scheme,
        what: &str,
    ) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
            .args(["--no-first-run", "--disable-dev-shm-usage", "--force-device-scale-factor=1"])
            .arg("--host-resolver-rules=MAP * ~NOTFOUND")
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("--window-size={width},{height}"))
            .arg(format!(
                "--blink-settings=preferredColorScheme={}",
                match scheme {
                    Scheme::Dark => 0,
                    Scheme::Light => 1,
                }
            ))
            .arg(what)
            // What it keeps for itself stays in the profile.
            .env("HOME", profile)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

fn address(page: &Path) -> String {
    format!("file://{}", page.display())
}

/// What it printed, and its errors, after its whole group has ended.
fn ended(mut child: Child) -> (String, String) {
    let (told, output) = mpsc::channel();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        text
    });
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text);
        let _ = told.send(read.map(|_| text));
    });
    let text = output.recv_timeout(PATIENCE);
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap());
    if text.is_ok() {
        // Not waited for to the end yet, so that the group's number is nobody else's.
        waitid(Id::Pid(group), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
    }
    let _ = killpg(group, Signal::SIGKILL);
    let status = child.wait().unwrap();
    let errors = errors.join().unwrap();
    assert!(status.success(), "{status}: {errors}");
    let text = text.unwrap_or_else(|_| panic!("chromium did not end: {errors}")).unwrap();
    (text, errors)
}

/// The pixels of a screenshot.
pub(crate) struct Picture {
    pub(crate) width: u32,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    fn read(path: &Path) -> Self {
        let file = fs::File::open(path).unwrap();
        let mut reader = png::Decoder::new(BufReader::new(file)).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        let size = match info.color_type {
            png::ColorType::Rgb => 3,
            png::ColorType::Rgba => 4,
            other => panic!("{other:?}"),
        };
        let pixels = bytes[..info.buffer_size()].chunks_exact(size);
        Self { width: info.width, pixels: pixels.map(|it| [it[0], it[1], it[2]]).collect() }
    }

    /// The colour in the corner.
    pub(crate) fn corner(&self) -> [u8; 3] {
        self.pixels[0]
    }

    /// How many pixels are of this colour.
    pub(crate) fn count(&self, colour: [u8; 3]) -> usize {
        self.pixels.iter().filter(|it| **it == colour).count()
    }

    /// How many colours there are.
    pub(crate) fn colours(&self) -> usize {
        self.pixels.iter().collect::<std::collections::BTreeSet<_>>().len()
    }
}

/// How many pages a PDF has.
pub(crate) fn pages(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    text.match_indices("/Type /Page")
        .filter(|(at, word)| !text[at + word.len()..].starts_with('s'))
        .count()
}
