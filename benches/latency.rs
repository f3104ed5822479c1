//! What the load adds to a latency, against `pgbench -R`: the same query, values, rate and number of
//! connections, prepared, on one server, in turns.
//!
//! Both count a latency from the moment at which its request was to be sent. pgbench draws these moments
//! by chance, the load has them in even steps, which at this rate makes no difference.
//!
//! ```text
//! cargo bench --bench latency
//! STAIRWAY_BENCH_ROUNDS=9 STAIRWAY_BENCH_RATE=1000 cargo bench --bench latency
//! ```

mod ratio;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ratio::{Result, Turns, median};
use stairway::postgres::Session;
use stairway::server::{Profile, Server, ServerSpec, Template};
use stairway::workload::{
    Clients, Load, Plan, Protocol, Sample, Shares, Values, Workload, percentile, warm_up,
};

const CONNECTIONS: usize = 8;

fn main() -> Result<()> {
    if ratio::is_list() {
        return Ok(());
    }
    let rounds = ratio::rounds(5, 3)?;
    let rate = ratio::number("STAIRWAY_BENCH_RATE", 400, 400)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let spec = ServerSpec { profile: Profile::Faithful, ..ServerSpec::from_env()? };
        let server = Server::acquire(&spec).await?;
        let result = report(&server, rounds, rate).await;
        server.stop().await?;
        result
    })
}

async fn report(server: &Server, rounds: u32, rate: u32) -> Result<()> {
    let program = server.programs().map(|folder| folder.join("pgbench"));
    let Some(program) = program.filter(|path| path.is_file()) else {
        ratio::skip("latency", "there is no pgbench for this server");
        return Ok(());
    };
    // How long each side sends, and how large the table is.
    let (seconds, scale) = if ratio::is_short() { (2, "1") } else { (10, "10") };
    let database = server.create_database(Template::Empty).await?;
    let target = &database.target;
    let pgbench = |args: &[&str], folder: &Path| -> Result<()> {
        let mut command = Command::new(&program);
        command.args(args).current_dir(folder);
        for (name, value) in target.libpq_environment() {
            command.env(name, value);
        }
        let output = command.output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        Ok(())
    };
    let scratch = tempfile::tempdir()?;
    pgbench(&["-i", "-s", scale, "-q"], scratch.path())?;
    let folder = scratch.path().join("workload");
    std::fs::create_dir(&folder)?;
    std::fs::write(
        folder.join("select.sql"),
        "-- stairway: param aid from SELECT aid FROM public.pgbench_accounts\n\
         SELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n",
    )?;
    let workload = Workload::load(&folder)?;
    let mut session = Session::connect(target, "values").await?;
    let none = |_: &str| Err("nothing is made up".to_owned());
    let values = vec![Values::ask(&mut session, &workload.queries[0], &none, 1).await?];
    session.close().await?;
    let shares = Shares::new(&workload.queries, f64::from(rate))?;
    let timeout = Duration::from_secs(10);
    let load = Load { queries: workload.queries, values, protocol: Protocol::Prepared, timeout };
    let tuples = [load.values[0].tuples.len()];
    let mut clients = Clients::open(target, &Arc::new(load), CONNECTIONS).await?;
    warm_up(&mut clients, &shares, &tuples, 1).await?;
    println!(
        "microseconds at {rate} a second on {CONNECTIONS} connections, and ours as a part of pgbench's"
    );
    println!("{:>14} {:>14} {:>8} {:>8}", "pgbench", "stairway", "p50", "p95");
    let mut ratios = (Vec::new(), Vec::new());
    let mut turns = (Turns::default(), Turns::default());
    for round in 0..rounds {
        let mut theirs = Vec::new();
        let mut ours = Vec::new();
        for side in if round % 2 == 0 { [true, false] } else { [false, true] } {
            if side {
                theirs = paced(&pgbench, rate, seconds)?;
            } else {
                let count = usize::try_from(rate * seconds)?;
                let plan = Arc::new(Plan::new(&shares, count, &tuples, u64::from(round)));
                let burst = clients.send(&plan, timeout).await?;
                ours = burst.samples.iter().map(Sample::latency).collect();
            }
        }
        let mut of = |share: f64| {
            let (one, two) = (percentile(&mut theirs, share), percentile(&mut ours, share));
            (one.as_secs_f64() * 1e6, two.as_secs_f64() * 1e6)
        };
        let (p50, p95) = (of(0.5), of(0.95));
        println!(
            "{:>6.0} {:>7.0} {:>6.0} {:>7.0} {:>8.3} {:>8.3}",
            p50.0,
            p95.0,
            p50.1,
            p95.1,
            p50.1 / p50.0,
            p95.1 / p95.0
        );
        turns.0.add_seconds(p50.1 / 1e6, p50.0 / 1e6);
        turns.1.add_seconds(p95.1 / 1e6, p95.0 / 1e6);
        ratios.0.push(p50.1 / p50.0);
        ratios.1.push(p95.1 / p95.0);
    }
    println!("{:>29} {:>8.3} {:>8.3}", "median", median(ratios.0), median(ratios.1));
    turns.0.say("the median latency", "pgbench -R");
    turns.1.say("the p95 of latencies", "pgbench -R");
    clients.close().await?;
    server.drop_database(database).await?;
    Ok(())
}

/// The latencies of pgbench's requests, from its log.
fn paced(
    pgbench: &dyn Fn(&[&str], &Path) -> Result<()>,
    rate: u32,
    seconds: u32,
) -> Result<Vec<Duration>> {
    let folder = tempfile::tempdir()?;
    let (connections, seconds, rate) =
        (CONNECTIONS.to_string(), seconds.to_string(), rate.to_string());
    let args = ["-n", "-S", "-M", "prepared", "-l", "-R", &rate, "-T", &seconds];
    let args = [&args[..], &["-c", &connections, "-j", &connections]].concat();
    pgbench(&args, folder.path())?;
    let mut latencies = Vec::new();
    for entry in std::fs::read_dir(folder.path())? {
        for line in std::fs::read_to_string(entry?.path())?.lines() {
            // client, transaction, latency in microseconds from the scheduled start, ..
            let micros = line.split(' ').nth(2).ok_or("a line of the log is too short")?;
            latencies.push(Duration::from_micros(micros.parse()?));
        }
    }
    Ok(latencies)
}
