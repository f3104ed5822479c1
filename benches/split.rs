//! How fast a script of a megabyte is split, against cutting it at every semicolon.
//!
//! The floor knows nothing of SQL: it looks at each byte once, as fast as the processor allows. Strings,
//! comments and bodies of functions are what the rest of the time is for. Criterion prints bytes a second.

mod ratio;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Throughput;
use ratio::Result;
use stairway::sql;

/// What migrations are made of, about 1.5 kB.
const PIECE: &str = "-- A table, with what belongs to it; and some of its rows.
CREATE TABLE IF NOT EXISTS public.appointment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id bigint NOT NULL REFERENCES public.client (id) ON DELETE CASCADE,
    status text NOT NULL DEFAULT 'planned' CHECK (status IN ('planned', 'done', 'it''s off')),
    starts_at timestamptz NOT NULL,
    price numeric(12, 2) DEFAULT 1_000.50 CHECK (price >= 0),
    \"note; free\" text /* said by the client; /* never */ printed */
);
CREATE UNIQUE INDEX CONCURRENTLY appointment_slot ON public.appointment (client_id, starts_at)
    WHERE status <> 'off' AND price::int % 2 = 0;
INSERT INTO public.appointment (client_id, starts_at, price) VALUES
    (1, '2024-01-01 10:00:00+00', 1.5e2), (2, E'2024-01-01 11:00:00\\t+00', -0x1F);
CREATE OR REPLACE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF NEW.status IS DISTINCT FROM OLD.status THEN
        NEW.changed_at := now(); -- it's $1
    END IF;
    RETURN NEW;
END;
$body$;
CREATE FUNCTION public.due(day date) RETURNS bigint LANGUAGE sql BEGIN ATOMIC
    SELECT count(*) FROM public.appointment WHERE starts_at::date = day;
    SELECT CASE WHEN day IS NULL THEN 0 ELSE 1 END;
END;
ALTER TABLE public.appointment ADD COLUMN room text, ALTER COLUMN price SET NOT NULL;

";

fn main() -> Result<()> {
    let mut criterion = ratio::criterion()?;
    let script = PIECE.repeat(1_000_000_usize.div_ceil(PIECE.len()));
    let mut group = criterion.benchmark_group("sql");
    group.throughput(Throughput::Bytes(script.len() as u64));
    let mut compare = |id: &str, what: &str, ours: &dyn Fn(&str) -> usize| {
        let ours = || Ok(once(|| ours(black_box(&script))));
        let floor = || Ok(once(|| black_box(&script).split(';').count()));
        ratio::compare(&mut group, id, (what, "cutting at semicolons"), ours, floor);
    };
    compare("tokens", "the tokens of 1 MB", &|text| sql::tokens(text).count());
    compare("split", "splitting 1 MB", &|text| sql::split(text).map_or(0, |found| found.len()));
    group.finish();
    criterion.final_summary();
    Ok(())
}

fn once(work: impl FnOnce() -> usize) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}
