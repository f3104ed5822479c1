//! The server's own types, which a column may have all the same.
//!
//! Knows names that are in every database, for those types that take the name of an object. Must
//! not know what a user's database holds.

use super::family::{Family, Listed};
use super::numbers::Integer;

pub(super) fn family(name: &str, _: i32) -> Option<Box<dyn Family>> {
    Some(match name {
        "oid" | "xid" | "cid" => Box::new(Integer::new(0, u32::MAX.into())),
        "xid8" => Box::new(Integer::new(0, i64::MAX)),
        other => Box::new(listed(other)?),
    })
}

fn listed(name: &str) -> Option<Listed> {
    Some(match name {
        "tid" => TID,
        "pg_lsn" => PG_LSN,
        "pg_snapshot" | "txid_snapshot" => SNAPSHOT,
        "int2vector" | "oidvector" => VECTOR,
        "aclitem" => ACLITEM,
        "regclass" => {
            Listed::few(&["-", "0"], &["pg_class", "pg_type", "pg_proc", "pg_attribute"], &["-"])
        }
        "regtype" => Listed::few(
            &["-", "0", "character varying(10)", "integer[]"],
            &["integer", "text", "boolean", "date"],
            &["integer"],
        ),
        "regproc" => Listed::few(&["-", "0"], &["now", "pg_backend_pid", "version"], &["-"]),
        "regprocedure" => {
            Listed::few(&["-", "0"], &["now()", "lower(text)", "abs(integer)"], &["-"])
        }
        "regoper" => Listed::few(&["0"], &["||/", "|/", "^@"], &["0"]),
        "regoperator" => {
            Listed::few(&["0", "-(none,integer)"], &["+(integer,integer)", "<(text,text)"], &["0"])
        }
        "regconfig" => Listed::few(&["-", "0"], &["simple", "english", "german"], &["simple"]),
        "regdictionary" => Listed::few(&["-", "0"], &["simple", "english_stem"], &["simple"]),
        "regnamespace" => {
            Listed::few(&["-", "0"], &["pg_catalog", "information_schema"], &["pg_catalog"])
        }
        "regrole" => {
            Listed::few(&["-", "0"], &["pg_monitor", "pg_read_all_stats"], &["pg_monitor"])
        }
        "regcollation" => {
            Listed::few(&["-", "0"], &["\"C\"", "\"default\"", "\"POSIX\""], &["\"C\""])
        }
        _ => return None,
    })
}

const TID: Listed = Listed {
    boundary: &["(0,0)", "(0,1)", "(4294967295,65535)"],
    plain: &["(0,2)", "(1,1)", "(10,3)", "(7,42)"],
    canonical: &["(0,0)", "(0,1)"],
    ordered: &[],
    distinct: |n| (n < 0xffff_fffe).then(|| format!("({},1)", n + 1)),
    drawn: None,
};

const PG_LSN: Listed = Listed {
    boundary: &["0/0", "0/1", "1/0", "FFFFFFFF/FFFFFFFF"],
    plain: &["16/B374D848", "0/16B3748", "0/3000060", "2/5000"],
    canonical: &["0/0", "0/1"],
    ordered: &[],
    distinct: |n| (n < 0xffff_fffe).then(|| format!("0/{:X}", n + 1)),
    drawn: None,
};

const SNAPSHOT: Listed = Listed {
    boundary: &["1:1:", "10:20:10,14,15", "1:9223372036854775807:3"],
    plain: &["100:100:", "100:104:100,102", "731:735:732", "5:9:"],
    canonical: &["1:1:", "1:2:"],
    ordered: &[],
    distinct: |n| (n < 1_000_000_000).then(|| format!("{0}:{0}:", n + 1)),
    drawn: None,
};

const VECTOR: Listed = Listed {
    boundary: &["", "0", "1 1", "1 2 3", "32767"],
    plain: &["1", "2", "1 2", "3 1", "4 5 6", "10 20"],
    canonical: &["", "1"],
    ordered: &[],
    distinct: |n| (n < 32_767).then(|| (n + 1).to_string()),
    drawn: None,
};

const ACLITEM: Listed = Listed {
    boundary: &["=r/pg_monitor", "pg_monitor=/pg_monitor", "pg_monitor=r*w*/pg_monitor"],
    plain: &["pg_monitor=r/pg_monitor", "pg_read_all_stats=rw/pg_monitor", "=X/pg_monitor"],
    canonical: &["=r/pg_monitor"],
    ordered: &[],
    distinct: |_| None,
    drawn: None,
};
