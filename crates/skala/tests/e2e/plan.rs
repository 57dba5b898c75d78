//! `skala plan` through the real binary: the two example platforms' figures, targets, forms of output, and what it refuses.

use std::path::Path;

use serde_json::Value;

use crate::{HEAD, skala};

/// The path of an example's platform file.
fn example(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name).join("skala.yaml").display().to_string()
}

fn plan(file: &str, more: &[&str]) -> Value {
    let args: Vec<&str> = ["plan", file, "-o", "json"].into_iter().chain(more.iter().copied()).collect();
    let ran = skala("").run(&args);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    serde_json::from_str(&ran.stdout).expect("one document and nothing else on stdout")
}

/// The entry of a list with this value of a key.
#[track_caller]
fn of<'a>(list: &'a Value, key: &str, name: &str) -> &'a Value {
    list.as_array().unwrap().iter().find(|v| v[key] == name).unwrap_or_else(|| panic!("{name} in {list:#}"))
}

#[test]
fn ai_etl_after_six_months() {
    let plan = plan(&example("ai-etl"), &["--months", "6"]);
    assert_eq!(plan["schemaVersion"], 1);
    let rows = [("users", 2985.984), ("pipelines", 19_073.486_328_125), ("data", 2413.4045), ("requests", 381.469_726_562_5)];
    for (load, wanted) in rows {
        assert_eq!(of(&plan["growth"], "load", load)["byMonth"][6], wanted, "{load}");
    }
    let needs = &plan["needs"][6];
    for (service, replicas, unrounded) in
        [("api", 4, 3.814_697_265_625), ("worker", 191, 190.734_863_281_25), ("frontend", 3, 3.0)]
    {
        let need = of(&needs["services"], "service", service);
        assert_eq!((&need["replicas"], &need["unrounded"]), (&replicas.into(), &unrounded.into()), "{service}");
    }
    for (store, rounded, unrounded) in [("storage", 4827, 4826.809), ("redis", 242, 241.340_45)] {
        let need = of(&needs["stores"], "store", store);
        assert_eq!(
            (&need["rounded"], &need["unrounded"], &need["unit"]),
            (&rounded.into(), &unrounded.into(), &"GB".into()),
            "{store}"
        );
    }
    assert_eq!(of(&plan["needs"][0]["services"], "service", "api")["because"], "at least 3");
    assert_eq!((&plan["saturates"][0]["station"], &plan["saturates"][0]["at"]["amount"]), (&"worker".into(), &5000.0.into()));
}

#[test]
fn ai_etl_has_three_budgets_side_by_side() {
    let plan = plan(&example("ai-etl"), &[]);
    let rows =
        [("cost-optimised", 500.0, 0.995, 500.0), ("balanced", 1200.0, 0.999, 1000.0), ("performance", 3000.0, 0.9999, 3000.0)];
    for (name, budget, availability, pipelines) in rows {
        let scenario = of(&plan["scenarios"], "scenario", name);
        assert_eq!((&scenario["budgetPerMonth"], &scenario["withinBudget"]), (&budget.into(), &true.into()), "{scenario:#}");
        let total = scenario["months"][0]["total"].as_f64().unwrap();
        assert!(total > 0.6 * budget && total <= budget, "{name} costs {total}");
        assert!(scenario["expectedAvailability"].as_f64().unwrap() >= availability, "{scenario:#}");
        assert_eq!(scenario["saturates"][0]["at"]["amount"], pipelines, "{scenario:#}");
        assert!(scenario["carries"].as_array().unwrap().iter().all(|c| c["fits"] == true), "{scenario:#}");
    }
    let spot = &of(&plan["scenarios"], "scenario", "cost-optimised")["months"][0]["replicas"][2];
    assert_eq!(
        (&spot["service"], &spot["spot"], &spot["spotMachines"], &spot["onDemand"]),
        (&"worker".into(), &5.into(), &6.into(), &0.into())
    );
    let table = skala("").ok(&["plan", &example("ai-etl")]);
    for part in ["2,985.98", "19,073.49", "2,413.40", "381.47", "4,826.81", "241.34", "cost-optimised", "balanced", "performance"]
    {
        assert!(table.contains(part), "'{part}' is missing in:\n{table}");
    }
}

#[test]
fn open_forge_by_its_estimates() {
    let plan = plan(&example("open-forge"), &["--target", "requests=1250/s", "--target", "users=200", "--target", "tasks=33"]);
    assert_eq!((&plan["stage"]["now"], &plan["stage"]["next"]), (&"small".into(), &"medium".into()));
    assert_eq!((&plan["stage"]["leavesAt"][0]["at"], &plan["stage"]["leavesAt"][0]["month"]), (&50.0.into(), &2.into()));
    let api = &plan["targets"][0]["needs"]["services"][0];
    // 1250/s are 2.5 cores; they last half a second, so 625 connections are open: 62.5 GB, in replicas of 4 GB.
    assert_eq!((&api["rules"][0]["cores"], &api["rules"][0]["coresRounded"]), (&2.5.into(), &3.into()));
    assert_eq!((&api["rules"][1]["memoryBytes"], &api["rules"][1]["unrounded"]), (&62_500_000_000_u64.into(), &15.625.into()));
    assert_eq!(api["replicas"], 16);
    let worker = &plan["targets"][2]["needs"]["services"][1];
    assert_eq!((&worker["rules"][0]["memoryBytes"], &worker["replicas"]), (&16_500_000_000_u64.into(), &9.into()));
    let stores = &plan["needs"][0]["stores"];
    assert_eq!(of(stores, "store", "index")["unrounded"], 20.0);
    assert_eq!(of(stores, "store", "queue")["bytes"], 1_000_000);
    // 2 GB and 10 MB for each of (2 + 1) x 5 + (2 + 1) x 2 connections of a rollout.
    let connections = of(&plan["needs"][0]["databases"], "database", "main");
    let surge = connections["withSurge"].as_u64().unwrap();
    assert_eq!(of(stores, "store", "postgres")["bytes"], 2_000_000_000 + surge * 10_000_000);
    let names: Vec<&str> = plan["stage"]["stages"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["small", "medium", "large", "clusters"]);
}

#[test]
fn a_target_tells_what_to_change() {
    let file = example("ai-etl");
    let plan = plan(&file, &["--target", "api=5000rps", "--scenario", "balanced"]);
    let target = &plan["targets"][0];
    assert_eq!((&target["load"], &target["amount"]), (&"requests".into(), &5000.0.into()));
    assert_eq!(of(&target["needs"]["services"], "service", "api")["replicas"], 50);
    let changes = target["changes"].to_string();
    assert!(changes.contains("api: 50 replicas") && changes.contains("pooler: "), "{changes}");
    assert_eq!(plan["scenarios"].as_array().unwrap().len(), 1);
    let csv = skala("").ok(&["plan", &file, "-o", "csv"]);
    assert!(csv.starts_with("section,month,name,figure,value,unit\n"), "{csv}");
    assert!(csv.contains("needs,6,worker,replicas,191,\n") && csv.contains("growth,6,users,load,2985.984,\n"), "{csv}");
    assert!(csv.lines().all(|line| line.split(',').count() == 6), "{csv}");
}

#[test]
fn what_makes_no_sense_is_refused_with_a_way_out() {
    let file = example("ai-etl");
    let rows: [(&[&str], &[&str]); 9] = [
        (&["--months", "0"], &["1..=120"]),
        (&["--months", "1000"], &["1..=120"]),
        (&["--target", "apy=5rps"], &["there is no load or service `apy`", "`api`"]),
        (&["--target", "api"], &["is not a target", "api=5000rps"]),
        (&["--target", "api=5"], &["does not fit", "a rate"]),
        (&["--target", "users=-5"], &["users=-5", "is not an amount"]),
        (&["--target", "users=0"], &["more than zero"]),
        (&["--target", "frontend=5rps"], &["no rate comes to the service `frontend`"]),
        (&["--scenario", "balancd"], &["there is no scenario `balancd`", "`balanced`"]),
    ];
    for (args, parts) in rows {
        let ran = skala("").run(&[&["plan", &file], args].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        for part in parts {
            assert!(ran.stderr.contains(part), "'{part}' is missing in {ran:?}");
        }
    }
    let nothing = skala(&format!("{HEAD}services: {{api: {{command: [x]}}}}\n")).run(&["plan"]);
    assert_eq!(nothing.code, Some(3));
    assert!(nothing.stderr.contains("does not say what is to be carried") && nothing.stderr.contains("capacity"), "{nothing:?}");
}

#[test]
fn without_prices_loads_or_objective_it_says_so() {
    let text = format!(
        "{HEAD}services: {{api: {{command: [x, $PORT]}}}}\ncapacity: {{loads: {{requests: {{now: 10/s, growth: -10%}}}}}}\n"
    );
    let ran = skala(&text).run(&["plan", "--months", "120"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    for part in ["there are no prices", "api: no load is stated", "there is no objective"] {
        assert!(ran.stdout.contains(part), "'{part}' is missing in {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("NaN") && !ran.stdout.contains("-0.00") && !ran.stdout.contains("inf"), "{}", ran.stdout);
    let ran = skala(&text.replace("-10%", "1000%")).run(&["plan", "--months", "120"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("the load `requests` is beyond counting in month 14"), "{ran:?}");
}

#[test]
fn tables_are_read_within_120_columns_and_say_what_no_size_mends() {
    for name in ["ai-etl", "open-forge"] {
        let ran = skala("").run(&["plan", &example(name), "--months", "3"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
        let wide: Vec<&str> = ran.stdout.lines().filter(|line| line.trim_end().chars().count() > 120).collect();
        assert!(wide.is_empty(), "{name}: {wide:#?}");
    }
    let text = format!(
        "{HEAD}services: {{api: {{command: [x], replicas: 9}}, web: {{command: [x], replicas: 9}}}}\n\
         objectives: {{api: {{latency: {{p95: 50ms}}}}}}\n\
         capacity:\n  loads: {{requests: {{now: 10/s, growth: 100%}}, users: {{now: 5}}}}\n  \
         services: {{api: {{load: requests, serviceTime: {{mean: 100ms, cv: 1}}}}, web: {{replicaPer: {{requests: 4/s}}}}}}\n"
    );
    // Neither service has a route; that is for who serves.
    let ran = skala(&text).run(&["plan", "--months", "3", "--target", "users=100"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let parts = [
        "any load",
        "api: no number of servers keeps the objective",
        "from today: api: no number of servers",
        "from month 2: web: 10 replicas are needed",
        "by month 3: web: 20 replicas are needed",
        "no need depends on users",
    ];
    for part in parts {
        assert!(ran.stdout.contains(part), "'{part}' is missing in {}", ran.stdout);
    }
    assert!(!ran.stdout.contains(" 0.00/s") && !ran.stdout.contains("nothing has to change"), "{}", ran.stdout);
    let checked = skala(&text).run(&["check"]);
    assert!(format!("{}{}", checked.stdout, checked.stderr).contains("no route leads to `web`"), "{checked:?}");
}
