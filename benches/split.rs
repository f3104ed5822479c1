//! How fast a script of a megabyte is split; the figure is bytes a second.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
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

fn split(criterion: &mut Criterion) {
    let script = PIECE.repeat(1_000_000_usize.div_ceil(PIECE.len()));
    let mut group = criterion.benchmark_group("sql");
    group.throughput(Throughput::Bytes(script.len() as u64));
    group.bench_function("tokens", |bencher| {
        bencher.iter(|| sql::tokens(black_box(&script)).count());
    });
    group.bench_function("split", |bencher| bencher.iter(|| sql::split(black_box(&script))));
    group.finish();
}

criterion_group!(benches, split);
criterion_main!(benches);
