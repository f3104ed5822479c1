//! How many calls typical findings take: three tables of twenty rows and eight columns.

use super::*;

/// A small generator, so that every run sees the same cases.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn word(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(b'b' + u8::try_from(self.below(24)).unwrap())).collect()
    }
}

const TEXTS: [usize; 3] = [2, 3, 4];
const NUMBERS: [usize; 3] = [5, 6, 7];

fn columns(may_be_loose: bool) -> Vec<CaseColumn> {
    let parent = number("parent");
    vec![
        key(number("id")),
        if may_be_loose { nullable(parent) } else { parent },
        text("t1"),
        nullable(text("t2")),
        text("t3"),
        number("n1"),
        nullable(number("n2")),
        nullable(number("n3")),
    ]
}

/// Each table's rows point at the table before; texts and numbers are small and never NULL.
fn random_case(random: &mut Random) -> Case {
    let mut tables: Vec<CaseTable> = Vec::new();
    for at in 0..3 {
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        for row in 0..20 {
            let mut cells = [100 * (at + 1) + row, 100 * at + random.below(20)]
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>();
            for _ in TEXTS {
                let length = 2 + random.below(5);
                cells.push(random.word(length));
            }
            cells.extend(NUMBERS.iter().map(|_| (2 + random.below(90)).to_string()));
            rows.push(cells.into_iter().map(Some).collect());
        }
        let name = Name::new("public", format!("t{at}"));
        tables.push(CaseTable { name, columns: columns(random.below(2) == 0), rows });
    }
    let links = (1..3).map(|at| link((at, &[1]), (at - 1, &[0]))).collect();
    Case { tables, links }
}

struct Planted {
    case: Case,
    hint: Vec<(usize, usize)>,
    /// Table, column.
    place: (usize, usize),
    kind: usize,
}

const KINDS: [&str; 6] = ["number", "text", "null", "twins", "family", "filled"];

fn planted(seed: u64) -> Planted {
    let mut random = Random(seed * 7919 + 1);
    let kind = usize::try_from(seed).unwrap() % KINDS.len();
    let mut case = random_case(&mut random);
    let table = if kind == 4 { 1 + random.below(2) } else { random.below(3) };
    let row = random.below(20);
    let column = match kind {
        1 | 3 => TEXTS[random.below(3)],
        2 => [3, 6, 7][random.below(3)],
        5 => [6, 7][random.below(2)],
        _ => NUMBERS[random.below(3)],
    };
    let mut hint = vec![(table, row)];
    let word = random.word(5);
    let new = match kind {
        0 | 4 => Some("4711".to_owned()),
        1 => Some(random.word(12)),
        3 => Some(word.clone()),
        5 => Some("77".to_owned()),
        _ => None,
    };
    if kind == 5 {
        case.tables[table].rows.iter_mut().for_each(|row| row[column] = None);
    }
    case.tables[table].rows[row][column] = new;
    if kind == 3 {
        let twin = (row + 1 + random.below(19)) % 20;
        case.tables[table].rows[twin][column] = Some(word.to_uppercase());
        hint.push((table, twin));
    }
    if kind == 4 {
        let to = case.tables[table].rows[row][1].clone();
        let found = case.tables[table - 1].rows.iter().position(|it| it[0] == to).unwrap();
        hint.push((table - 1, found));
    }
    Planted { case, hint, place: (table, column), kind }
}

impl Planted {
    fn shows(&self, case: &Case) -> bool {
        let (table, at) = self.place;
        let rows = &case.tables[table].rows;
        match self.kind {
            0 => rows.iter().any(|row| above(&row[at], 100)),
            1 => rows.iter().any(|row| row[at].as_ref().is_some_and(|it| it.len() > 10)),
            2 => rows.iter().any(|row| row[at].is_none()),
            3 => {
                let texts: HashSet<_> = rows.iter().filter_map(|row| row[at].as_ref()).collect();
                let lower: HashSet<_> = texts.iter().map(|it| it.to_lowercase()).collect();
                lower.len() < texts.len()
            }
            // Both rows: the child's value, and that it refers to someone.
            4 => rows.iter().any(|row| above(&row[at], 100) && row[1].is_some()),
            _ => rows.iter().any(|row| row[at].is_some()),
        }
    }
}

/// The calls of 36 cases: the average of each kind, the sum, the most.
async fn average(is_hinted: bool) -> (String, usize, usize) {
    let mut sums = [0; KINDS.len()];
    let mut most = 0;
    for seed in 0..36 {
        let planted = planted(seed);
        let hint = if is_hinted { &planted.hint[..] } else { &[] };
        let mut oracle = looks(|case: &Case| planted.shows(case));
        let case = planted.case.clone();
        let shrunk = shrink(case, hint, &mut oracle, Budget::default()).await.unwrap();
        assert!(shrunk.is_minimal && planted.shows(&shrunk.case));
        let rows = shrunk.case.tables[planted.place.0].rows.len();
        assert_eq!(rows, if planted.kind == 3 { 2 } else { 1 }, "{seed}");
        sums[planted.kind] += shrunk.calls;
        most = most.max(shrunk.calls);
    }
    let each = KINDS.iter().zip(sums).map(|(kind, sum)| format!("{kind} {}", sum / 6));
    (each.collect::<Vec<_>>().join(", "), sums.iter().sum(), most)
}

#[tokio::test]
async fn typical_findings_take_few_calls() {
    let (each, sum, most) = average(false).await;
    assert!(sum <= 18 * 36 && most <= 30, "{sum} calls, at most {most}: {each}");
    let (each, sum, most) = average(true).await;
    assert!(sum <= 11 * 36 && most <= 20, "{sum} calls, at most {most}: {each}");
}
