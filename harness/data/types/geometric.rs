//! Points and what is made of them.
//!
//! Knows how they are written. Must not know other numbers.

use proptest::prelude::*;

use super::family::{Family, Listed};

pub(super) fn family(name: &str, _: i32) -> Option<Box<dyn Family>> {
    Some(Box::new(match name {
        "point" => POINT,
        "line" => LINE,
        "lseg" => LSEG,
        "box" => BOX,
        "path" => PATH,
        "polygon" => POLYGON,
        "circle" => CIRCLE,
        _ => return None,
    }))
}

/// A coordinate that is written as it is read.
fn halves() -> impl Strategy<Value = f64> {
    (-2000..2000_i32).prop_map(|it| f64::from(it) / 2.0)
}

/// A number that a float keeps apart from its neighbours.
fn place(n: u64) -> Option<u64> {
    (n < 1_000_000_000).then(|| n + 1)
}

const POINT: Listed = Listed {
    boundary: &[
        "(0,0)",
        "(-0,0)",
        "(-1.5,2)",
        "(0.1,0.2)",
        "(1e300,-1e300)",
        "(Infinity,0)",
        "(NaN,1)",
    ],
    plain: &["(1,2)", "(52.5,13.4)", "(-0.13,51.5)", "(10,20)", "(3,4)", "(100,250)"],
    canonical: &["(0,0)", "(1,1)"],
    ordered: &[],
    distinct: |n| Some(format!("({},0)", place(n)?)),
    drawn: Some(|| (halves(), halves()).prop_map(|(x, y)| format!("({x},{y})")).boxed()),
};

const LINE: Listed = Listed {
    boundary: &["{1,0,0}", "{0,1,0}", "{1,-1,0}", "{-1,0.5,1e10}"],
    plain: &["{1,2,3}", "{2,-1,4}", "{1,1,-1}", "{0,1,-5}", "{3,1,0}", "{1,0,-2}"],
    canonical: &["{1,0,0}", "{0,1,0}"],
    ordered: &[],
    distinct: |n| Some(format!("{{1,0,-{}}}", place(n)?)),
    drawn: None,
};

const LSEG: Listed = Listed {
    boundary: &["[(0,0),(0,0)]", "[(1,1),(0,0)]", "[(0,0),(1,1)]", "[(-1.5,0.1),(1e10,2)]"],
    plain: &["[(0,0),(1,2)]", "[(1,1),(4,5)]", "[(2,3),(2,9)]", "[(0,1),(10,1)]"],
    canonical: &["[(0,0),(0,0)]", "[(0,0),(1,1)]"],
    ordered: &[],
    distinct: |n| Some(format!("[(0,0),({},0)]", place(n)?)),
    drawn: None,
};

const BOX: Listed = Listed {
    boundary: &["(0,0),(0,0)", "(0,0),(1,1)", "(1,1),(0,0)", "(0,1),(1,0)", "(-1.5,0.1),(1e10,2)"],
    plain: &["(2,2),(0,0)", "(4,5),(1,1)", "(10,20),(5,5)", "(3,1),(2,0)"],
    canonical: &["(0,0),(0,0)", "(1,1),(0,0)"],
    ordered: &[],
    // They don't overlap: what an EXCLUDE asks of them.
    distinct: |n| place(n).map(|at| format!("({at}.5,1),({at},0)")),
    drawn: None,
};

const PATH: Listed = Listed {
    boundary: &[
        "[(0,0)]",
        "((0,0))",
        "[(0,0),(0,0)]",
        "((0,0),(1,1),(2,0))",
        "[(0,0),(1,1),(2,0)]",
    ],
    plain: &[
        "[(0,0),(1,2)]",
        "((0,0),(4,0),(4,3))",
        "[(1,1),(2,2),(3,1)]",
        "((0,0),(1,0),(1,1),(0,1))",
    ],
    canonical: &["[(0,0)]", "[(0,0),(1,1)]"],
    ordered: &[],
    distinct: |n| Some(format!("[(0,0),({},0)]", place(n)?)),
    drawn: None,
};

const POLYGON: Listed = Listed {
    boundary: &[
        "((0,0))",
        "((0,0),(0,0),(0,0))",
        "((0,0),(1,1),(1,0),(0,1))",
        "((-1.5,0.1),(1e10,2),(3,3))",
    ],
    plain: &[
        "((0,0),(4,0),(4,3))",
        "((0,0),(1,0),(1,1),(0,1))",
        "((1,1),(5,1),(3,4))",
        "((2,0),(4,2),(2,4),(0,2))",
    ],
    canonical: &["((0,0))", "((0,0),(1,1),(1,0))"],
    ordered: &[],
    distinct: |n| Some(format!("((0,0),({},0),(0,1))", place(n)?)),
    drawn: None,
};

const CIRCLE: Listed = Listed {
    boundary: &["<(0,0),0>", "<(0,0),1>", "<(-1.5,0.1),1e10>", "<(0,0),Infinity>"],
    plain: &["<(1,2),3>", "<(0,0),5>", "<(10,10),2.5>", "<(4,3),1>"],
    canonical: &["<(0,0),0>", "<(0,0),1>"],
    ordered: &[],
    // They don't overlap either.
    distinct: |n| place(n).map(|at| format!("<({at},0),0.25>")),
    drawn: None,
};
