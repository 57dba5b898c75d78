//! How fast traces are generated and read: `cargo run --profile quick -p skala-trace --example speed`.
#![expect(clippy::print_stdout, clippy::disallowed_types, reason = "a measurement reads the clock and prints")]

use std::time::{Duration, Instant};

use skala_trace::generate::{Clients, Diurnal, Generator, Shape, clients};
use skala_trace::inspect::Inspection;
use skala_trace::write::{ArrivalWriter, Form};
use skala_trace::{Arrivals as _, Drawing, GapFamily, Item, ReadOptions, Steps as _, TokenPairs, Trace, TraceError};

fn main() -> Result<(), TraceError> {
    let tokens = Some(TokenPairs::chat());
    let weibull = Drawing { family: GapFamily::Weibull, cv: Some(2.0), tokens: None };
    let poisson = diurnal(Drawing::default())?;
    drain("diurnal, Poisson", &poisson)?;
    drain("diurnal, Gamma CV 2", &diurnal(Drawing { cv: Some(2.0), ..Drawing::default() })?)?;
    drain("diurnal, Weibull CV 2", &diurnal(weibull)?)?;
    drain("diurnal, Poisson, tokens", &diurnal(Drawing { tokens, ..Drawing::default() })?)?;
    let of = Clients {
        count: 20,
        mean: 500.0,
        length: Duration::from_secs(10_000),
        skew: 1.0,
        cv: 1.5,
        family: GapFamily::Gamma,
        tokens: false,
        seed: 1,
    };
    drain("20 clients, Gamma", &clients(&of)?)?;
    fortnight()?;
    let plain = written(&poisson, false)?;
    read("CSV, times", &plain)?;
    read("CSV, times and tokens", &written(&diurnal(Drawing { tokens, ..Drawing::default() })?, true)?)?;
    let log = "10.0.0.1 - - [20/Nov/2025:21:27:00 +0000] \"GET /v1/chat HTTP/1.1\" 200 512 \"-\" \"curl/8\"\n".repeat(1_000_000);
    read("access log", log.as_bytes())?;
    let now = Instant::now();
    let i = Inspection::of(&Trace::text(plain, ReadOptions::default()), |_| {})?;
    println!("{:<28} {:.1} M arrivals/s", "inspect", i.requests / now.elapsed().as_secs_f64() / 1e6);
    Ok(())
}

fn diurnal(drawing: Drawing) -> Result<Trace, TraceError> {
    Generator { shape: Shape::Diurnal(Diurnal::default()), length: Duration::from_secs(86_400), mean: Some(100.0), drawing }
        .trace()
}

fn drain(name: &str, trace: &Trace) -> Result<(), TraceError> {
    let now = Instant::now();
    let mut arrivals = trace.arrivals()?;
    let (mut n, mut last) = (0u64, Duration::ZERO);
    while let Some(Item::Arrival(a)) = arrivals.next()? {
        n += 1;
        last = a.at;
    }
    println!("{name:<28} {:.1} M arrivals/s (last at {last:?})", n as f64 / now.elapsed().as_secs_f64() / 1e6);
    Ok(())
}

fn fortnight() -> Result<(), TraceError> {
    let drawing = Drawing::default();
    let length = Duration::from_secs(14 * 86_400);
    let trace = Generator { shape: Shape::Diurnal(Diurnal::default()), length, mean: Some(200.0), drawing }.trace()?;
    let now = Instant::now();
    let mut steps = trace.steps(Duration::from_secs(1))?;
    let mut n = 0u64;
    while steps.next()?.is_some() {
        n += 1;
    }
    println!("{:<28} {:.1} M steps/s ({n} steps of 1 s)", "a fortnight by steps", n as f64 / now.elapsed().as_secs_f64() / 1e6);
    Ok(())
}

fn written(trace: &Trace, tokens: bool) -> Result<Vec<u8>, TraceError> {
    let failed = |e: std::io::Error| TraceError::Read(e.to_string());
    let mut writer = ArrivalWriter::new(Vec::new(), Form::Csv, tokens).map_err(failed)?;
    let mut arrivals = trace.arrivals()?;
    let now = Instant::now();
    while let Some(item) = arrivals.next()? {
        writer.write(&item).map_err(failed)?;
    }
    let text = writer.finish().map_err(failed)?;
    println!("{:<28} {:.0} MB/s", "draw and write CSV", text.len() as f64 / now.elapsed().as_secs_f64() / 1e6);
    Ok(text)
}

fn read(name: &str, text: &[u8]) -> Result<(), TraceError> {
    let bytes = text.len() as f64;
    let trace = Trace::text(text.to_vec(), ReadOptions::default());
    let now = Instant::now();
    let mut arrivals = trace.arrivals()?;
    let mut n = 0u64;
    while arrivals.next()?.is_some() {
        n += 1;
    }
    let seconds = now.elapsed().as_secs_f64();
    println!("{name:<28} {:.0} MB/s, {:.1} M rows/s", bytes / seconds / 1e6, n as f64 / seconds / 1e6);
    Ok(())
}
