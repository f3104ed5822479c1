//! stub
#![allow(missing_docs)]
use std::collections::BTreeMap;
use super::model::{Table, Types};
#[derive(Clone, Debug)]
pub struct Tied { pub columns: Vec<String>, pub predicates: Vec<String> }
pub fn tied(_t: &Table, _y: &Types) -> Vec<Tied> { Vec::new() }
pub fn suggest(_t: &Table, _y: &Types) -> BTreeMap<String, Vec<String>> { BTreeMap::new() }
pub fn of_script(_s: &str, _t: &[Table], _y: &Types) -> BTreeMap<(usize, String), Vec<String>> { BTreeMap::new() }
