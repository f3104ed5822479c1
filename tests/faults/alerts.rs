//! Faults of the report: nobody takes the notice.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::site::{SECRET, on};

/// F38: an answer of 500, then none at all.
#[test]
fn a_webhook_that_takes_nothing_changes_nothing() {
    on(0, |mut site| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://127.0.0.1:{}/hook", listener.local_addr().unwrap().port());
        let (bodies, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for (nth, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let mut text = vec![0; 1 << 16];
                let count = stream.read(&mut text).unwrap();
                let _ = bodies.send(String::from_utf8_lossy(&text[..count]).into_owned());
                if nth == 0 {
                    let answer =
                        "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                    stream.write_all(answer.as_bytes()).unwrap();
                } else {
                    open.push(stream);
                }
            }
        });
        site.set("HOOK", url);
        site.set("HOOK_SECRET", SECRET);
        let channel = "[[alert]]\nkind = \"webhook\"\nurl-env = \"HOOK\"\n\
                       secret-env = \"HOOK_SECRET\"\nbudget = 3\n";
        std::fs::write(site.path("stairway.toml"), channel).unwrap();
        site.migration(2, "CREATE TABLE a (id int);\n", "DROP TABLE a;\n");
        let ran = site.run(&["upgrade", "--skip-test"]);
        assert_eq!(ran.code, Some(40), "{}", ran.said);
        assert_eq!(ran.report["state"], "AFTER");
        ran.says("not told, kept for the next run: webhook");
        site.nothing_is_left();
        let spooled = std::fs::read_dir(site.path(".stairway/spool")).unwrap().count();
        assert!(spooled > 0, "nothing waits in the spool");
        let first = told.recv().unwrap();
        assert!(
            first.contains("X-Stairway-Signature: sha256=")
                || first.contains("x-stairway-signature: sha256="),
            "{first}"
        );
        assert!(!first.contains(SECRET));
    });
}
