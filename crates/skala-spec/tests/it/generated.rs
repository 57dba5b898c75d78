//! What is generated from the types is current, and `explain` reads it.
//! `UPDATE_EXPECT=1` rewrites the committed files.

use expect_test::{Expect, expect, expect_file};
use skala_spec::{explain, json_schema, reference_page};

#[test]
fn the_committed_schema_is_current() {
    let text = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    expect_file!["../../../../docs/schema/skala.schema.json"].assert_eq(&text);
}

#[test]
fn the_committed_reference_page_is_current() {
    expect_file!["../../../../docs/platform-file.md"].assert_eq(&reference_page());
}

/// Every field has a meaning; every quantity names a kind.
#[test]
fn every_field_is_documented() {
    fn walk(path: &str, count: &mut usize) {
        let field = explain(path).unwrap();
        assert!(!field.doc.is_empty(), "{path} has no meaning");
        assert!(
            !field.type_name.is_empty() && !field.type_name.contains("any value")
                || path.ends_with("selector")
                || path.ends_with("body"),
            "{path}: {}",
            field.type_name
        );
        *count += 1;
        for child in &field.children {
            walk(&if path.is_empty() { child.name.clone() } else { format!("{path}.{}", child.name) }, count);
        }
    }
    let mut count = 0;
    walk("", &mut count);
    assert!(count > 100, "{count}");
}

fn check(path: &str, expected: Expect) {
    let text = match explain(path) {
        Ok(explanation) => explanation.to_string(),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&text);
}

#[test]
fn explains_a_field() {
    check(
        "services.autoscaling.minReplicas",
        expect![[r#"
        services.autoscaling.minReplicas <integer>
        default: 1
        range: 0 to 1000

        Fewest replicas, at most `maxReplicas`. 0 stops the last one when idle; the next request then waits for a start. Use 2 or more where one failure must not be felt. Reload: live.
    "#]],
    );
    check(
        "services.api.autoscaling.minReplicas",
        expect![[r#"
        services.autoscaling.minReplicas <integer>
        default: 1
        range: 0 to 1000

        Fewest replicas, at most `maxReplicas`. 0 stops the last one when idle; the next request then waits for a start. Use 2 or more where one failure must not be felt. Reload: live.
    "#]],
    );
    check(
        "services.api.waiting",
        expect![[r#"
        services.waiting <{max, timeout}>

        The room in the gateway where requests wait for a replica. Reload: live.
    
          max <integer>       Most requests that wait; more are refused at once with 503 and Retry-After
          timeout <duration>  Longest wait of one request; 503 with Retry-After beyond it
    "#]],
    );
    check(
        "services.balance",
        expect![[r#"
            services.balance <leastRequest | roundRobin>
            default: leastRequest

            How a replica is chosen for a request, unless the route says otherwise. Reload: live.

              leastRequest  Of two replicas drawn at random, the one with fewer requests in flight: the right choice unless all requests are alike.
              roundRobin    One after the other.
        "#]],
    );
    check(
        "services.readiness.httpGet",
        expect![[r#"
        services.readiness.httpGet <text | {path, port}>

        Ready when this path answers with a status from 200 to 399. The best choice where the application has a health page. Reload: live.
    
          path <text>     Path with its leading slash
          port <integer>  Port, when the health page is on another than the replica's own
    "#]],
    );
    check(
        "services.api.autoscaling.behavior.scaleDown.policies[0].type",
        expect![[r#"
            services.autoscaling.behavior.scaleDown.policies.type <Pods | Percent> (required)

            Whether `value` counts replicas or percent of the replicas at the start of the period.

              Pods     Replicas.
              Percent  Percent of the replicas at the start of the period.
        "#]],
    );
}

/// Names of services are told from fields with typing errors.
#[test]
fn names_in_a_path_are_skipped() {
    let rows = [
        ("services.worker.drain", "services.drain"),
        ("services.worker", "services"),
        ("services.log.drain", "services.drain"),
        ("services.api.env.LEVEL.file", "services.env.file"),
        ("routes[0].path", "routes.path"),
        ("routes.0.path", "routes.path"),
        ("objectives.api", "objectives"),
        ("", ""),
    ];
    for (path, expected) in rows {
        assert_eq!(explain(path).map(|e| e.path), Ok(expected.to_owned()), "{path}");
    }
}

#[test]
fn explains_what_is_unknown() {
    check(
        "services.autoscalin.minReplicas",
        expect!["there is no field `autoscalin` in `services`; did you mean `services.autoscaling`?"],
    );
    check(
        "services.autoscaling.minReplica",
        expect!["there is no field `minReplica` in `services.autoscaling`; did you mean `services.autoscaling.minReplicas`?"],
    );
    check("service", expect!["there is no field `service` at the top of the file; did you mean `services`?"]);
    check("services.drain.x", expect!["there is no field `x` in `services.drain`; it has no fields below it"]);
    check(
        "gateway.colour",
        expect!["there is no field `colour` in `gateway`; its fields are listen, headerTimeout, maxHeaderSize and idleTimeout"],
    );
}

#[test]
fn explains_scaling() {
    check(
        "services.autoscaling.metrics.cpu",
        expect![[r#"
        services.autoscaling.metrics.cpu <cpu target | mapping>

        CPU of the replicas: `70%` of the request, or `300m` each. Right where replicas are busy with computing. Reload: live.

          target <cpu target> (required)   What the metric should be
          scaleDownTarget <cpu target>     A lower target for shrinking, in the same unit: the service shrinks only to a size at which this one holds
          behavior <{scaleUp, scaleDown}>  Pace of change of this metric alone; its proposal passes it before the largest is taken
          staleAfter <duration>            Age from which a sample counts as failed, 1s to 1h
    "#]],
    );
    check(
        "services.worker.autoscaling.metrics.redis.stream",
        expect![[r#"
        services.autoscaling.metrics.redis.stream <mapping>

        A stream, and what of it is counted. Reload: live.

          key <text> (required)        Key of the stream
          group <text>                 Name of the consumer group; `by: pending` and `by: lag` need it
          by <pending | lag | length>  What is counted
    "#]],
    );
    check(
        "services.autoscaling.mode",
        expect![[r#"
        services.autoscaling.mode <default | hpa | knative>
        default: default

        Which algorithm decides. Reload: live; what was learned for another mode is set aside.

          default  `autoscaling/v2` with its known flaws repaired; see `repairs`.
          hpa      `autoscaling/v2` exactly, flaws included: what a HorizontalPodAutoscaler would do.
          knative  Knative's autoscaler: stable and panic windows over concurrency or requests per second; see `knative`.
    "#]],
    );
    check(
        "services.autoscaling.formula",
        expect![[r#"
        services.autoscaling.formula <mapping>

        One number made of several metrics from outside; it proposes like a metric: `{expression: "max(jobs, lag / 2)", target: 5}`. Reload: live.

          expression <text> (required)     The formula, over the names of metrics from outside and skala's own `replicas`, `requestsPerSecond`, `concurrency`, `cpu` and `memory` (shares of the request): numbers, `+ - * /`, comparisons, `&& || !`, `a ? b : c`, `max`, `min`, `sum`, `avg` and `count` of several, `abs`, `floor`, `ceil`, `round`
          target <number>                  What each replica's share of the result should be, above 0
          targetTotal <number>             What the result itself should be, above 0, whatever the number of replicas
          activation <number>              The result counts as activity while it is above this
          scaleDownTarget <number>         A lower target for shrinking: the service shrinks only to a size at which this one holds
          behavior <{scaleUp, scaleDown}>  Pace of change of the formula alone
    "#]],
    );
    check(
        "budgets.everything.limit",
        expect![[r#"
        budgets.limit <spend> (required)

        Most that may be spent, above 0: `30 EUR/h` bounds every moment, `5 EUR/day` and `900 EUR/month` what the calendar's day and month (UTC) cost together. The currency is that of `cost.currency`. Reload: live.
    "#]],
    );
    check(
        "services.autoscaling.cooldownPeriod",
        expect!["there is no field `cooldownPeriod` in `services.autoscaling`; did you mean `services.autoscaling.cooldown`?"],
    );
}
