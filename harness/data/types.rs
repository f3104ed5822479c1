//! stub
#![allow(missing_docs)]
use super::model::Types;
use proptest::strategy::{BoxedStrategy, Just, Strategy};
#[derive(Clone, Debug)]
pub struct Values { pub boundary: Vec<String>, pub plain: Vec<String>, pub any: BoxedStrategy<String> }
pub fn values(types: &Types, oid: u32, _m: i32) -> Option<Values> {
    let name = types.base(oid)?.name.clone();
    let p = |b: &[&str], p: &[&str]| Some(Values { boundary: b.iter().map(|s| (*s).to_owned()).collect(), plain: p.iter().map(|s| (*s).to_owned()).collect(), any: Just(p[0].to_owned()).boxed() });
    match name.as_str() {
        "int4" => p(&["0","1","-1","32767","32768","2147483647"], &["3","4","5"]),
        "int8" => p(&["0","1","-1","32767","32768","2147483648"], &["3","4","5"]),
        "text"|"varchar"|"bpchar" => p(&["","a","A","a "," a","007","0","x@x","é"], &["b","c","d"]),
        "timestamptz" => p(&["2024-01-01 00:00:00.25+00","2024-11-03 05:30:00+00","2024-11-03 06:30:00+00","infinity"], &["2024-01-01 00:00:00+00","2024-01-02 00:00:00+00"]),
        "date" => p(&["2024-02-29"], &["2024-01-01","2024-01-02"]),
        "float8" => p(&["0.1","-0"], &["1.5","2.5"]),
        "bool" => p(&["t"], &["t","f"]),
        _ => None,
    }
}
pub fn distinct(types: &Types, oid: u32, _m: i32, n: u64) -> Option<String> {
    match types.base(oid)?.name.as_str() { "int4"|"int8"|"int2" => Some(n.to_string()), "text"|"varchar" => Some(format!("a{n}")), _ => None }
}
pub fn canonical(types: &Types, oid: u32, m: i32) -> Vec<String> { values(types, oid, m).map(|v| v.plain).unwrap_or_default() }
