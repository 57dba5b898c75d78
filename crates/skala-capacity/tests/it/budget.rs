use expect_test::expect;
use skala_capacity::{Counted, Evidence, burn, burn_alerts, burn_factor, exhausted_in};

const DAY: f64 = 86_400.0;

#[test]
fn the_workbooks_factors() {
    let row = |days: f64| {
        burn_alerts(days * DAY).map(|a| format!("{:?} {:.0}/{:.0}s {:.6}", a.urgency, a.long, a.short, a.factor)).join(", ")
    };
    expect!["Page 3600/300s 14.400000, Page 21600/1800s 6.000000, Ticket 86400/7200s 3.000000, Ticket 259200/21600s 1.000000"]
        .assert_eq(&row(30.0));
    expect!["Page 3600/300s 13.440000, Page 21600/1800s 5.600000, Ticket 86400/7200s 2.800000, Ticket 259200/21600s 0.933333"]
        .assert_eq(&row(28.0));
    assert!((burn_factor(0.02, 30.0 * DAY, 3600.0) - 14.4).abs() < 1e-12);
}

#[test]
fn a_burn_is_the_ratio_over_what_is_allowed() {
    let counted = Counted { total: 1000.0, bad: 15.0 };
    assert!((burn(counted, 0.999).expect("data") - 15.0).abs() < 1e-9);
    assert_eq!(burn(Counted::default(), 0.999), None, "no data is unknown");
    assert_eq!(burn(Counted { total: 10.0, bad: 0.0 }, 1.0), Some(0.0));
    assert_eq!(burn(Counted { total: 10.0, bad: 1.0 }, 1.0), Some(f64::INFINITY));
}

#[test]
fn an_alert_needs_both_windows_and_evidence() {
    let page = burn_alerts(30.0 * DAY)[0];
    let (hot, cold) = (Counted { total: 1000.0, bad: 20.0 }, Counted { total: 100.0, bad: 0.0 });
    let least = Evidence { bad: 5.0, total: 100.0 };
    assert_eq!(page.fires(hot, hot, 0.999, least), Some(true));
    assert_eq!(page.fires(hot, cold, 0.999, least), Some(false), "it is over");
    assert_eq!(page.fires(Counted { total: 1.0, bad: 1.0 }, hot, 0.999, least), Some(false), "one request is no evidence");
    assert_eq!(page.fires(hot, Counted::default(), 0.999, least), None);
}

#[test]
fn a_budget_lasts_as_long_as_it_burns_slowly() {
    assert!((exhausted_in(0.5, 30.0 * DAY, 14.4) - 15.0 * DAY / 14.4).abs() < 1e-6);
    assert_eq!((exhausted_in(0.5, DAY, 0.0), exhausted_in(0.0, DAY, 0.0)), (f64::INFINITY, 0.0));
}
