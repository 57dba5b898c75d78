//! Quantities against integer arithmetic.

use proptest::prelude::*;
use skala_manifests::quantity::Form;
use skala_manifests::{Milli, Quantity};

/// Suffixes as a fraction: how many nano one unit of the suffix is.
const SUFFIXES: [(&str, i128); 16] = [
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("", 1_000_000_000),
    ("k", 1_000_000_000_000),
    ("M", 1_000_000_000_000_000),
    ("G", 1_000_000_000_000_000_000),
    ("Ki", 1_000_000_000 << 10),
    ("Mi", 1_000_000_000 << 20),
    ("Gi", 1_000_000_000 << 30),
    ("Ti", 1_000_000_000 << 40),
    ("e3", 1_000_000_000_000),
    ("E-3", 1_000_000),
    ("e+0", 1_000_000_000),
    ("e9", 1_000_000_000_000_000_000),
    ("e-9", 1),
];

/// Division that rounds away from zero, for a positive divisor.
fn away(a: i128, b: i128) -> i128 {
    if a >= 0 { (a + b - 1) / b } else { (a - b + 1) / b }
}

proptest! {
    #[test]
    fn milli_and_units_are_exact(whole in 0_i64..5_000, fraction in "[0-9]{0,12}", at in 0_usize..16, negative: bool) {
        let (suffix, unit) = SUFFIXES[at];
        let text = format!("{}{whole}.{fraction}{suffix}", if negative { "-" } else { "" });
        let q: Quantity = text.parse().unwrap();
        // The value in 10^-21: the nano of the suffix with twelve more places for the fraction.
        let digits: i128 = format!("{whole}{fraction:0<12}").parse().unwrap();
        let exact = digits * unit * if negative { -1 } else { 1 };
        // First to nano, then to milli, both away from zero, which is the same as at once.
        let capped = |n: i128| n.clamp(i64::MIN.into(), i64::MAX.into());
        prop_assert_eq!(i128::from(q.milli_capped()), capped(away(exact, 1_000_000_000_000_000_000)), "{}", &text);
        prop_assert_eq!(i128::from(q.units_capped()), capped(away(exact, 1_000_000_000_000_000_000_000)), "{}", &text);
        prop_assert_eq!(q.is_negative(), exact < 0);
        prop_assert_eq!(q.is_positive(), exact > 0);
    }

    #[test]
    fn printing_reads_back(nano in any::<i64>(), binary: bool) {
        let q: Quantity = format!("{nano}n").parse().unwrap();
        let q = q.written_as(if binary { Form::Binary } else { Form::Decimal });
        let printed = q.to_string();
        prop_assert_eq!(printed.parse::<Quantity>().unwrap(), q, "{}", &printed);
        let json = serde_json::to_string(&q).unwrap();
        prop_assert_eq!(serde_json::from_str::<Quantity>(&json).unwrap(), q);
    }

    #[test]
    fn milli_round_trips(milli: i64) {
        prop_assert_eq!(Quantity::from_milli(milli).milli(), Ok(milli));
        prop_assert_eq!(Quantity::from_milli(milli).to_string().parse::<Quantity>().unwrap().milli(), Ok(milli));
    }

    #[test]
    fn no_text_panics(text in "[-+0-9.eEinumkKMGTP]{0,24}|\\PC{0,12}") {
        if let Ok(q) = text.parse::<Quantity>() {
            prop_assert_eq!(q.to_string().parse::<Quantity>().unwrap(), q);
        }
    }
}

#[test]
fn json_numbers_are_quantities_too() {
    for (json, milli) in [("2", 2000), ("0.25", 250), ("1e3", 1_000_000), ("\" 1500m \"", 1500), ("-1", -1000)] {
        assert_eq!(serde_json::from_str::<Quantity>(json).unwrap().milli(), Ok(milli), "{json}");
    }
    for bad in ["true", "[]", "{}", "\"NaN\"", "\"\"", "\"1 Gi\""] {
        assert!(serde_json::from_str::<Quantity>(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_does_not_fit_is_told() {
    let big: Quantity = "9223372036854775807".parse().unwrap();
    assert!(big.milli().unwrap_err().to_string().contains("out of range"));
    assert_eq!(big.units_capped(), i64::MAX);
    assert_eq!("9223372036854775807m".parse::<Quantity>().unwrap().milli(), Ok(i64::MAX));
    assert!("-1".parse::<Quantity>().unwrap().positive_milli().unwrap_err().to_string().contains("negative"));
    assert!(Milli(i64::MAX).usable().is_err() && Milli(-1).usable().is_err());
    assert_eq!(Milli(0).usable(), Ok(0));
}

#[test]
fn floats_are_the_digits_times_their_power_of_ten() {
    let float = |text: &str| text.parse::<Quantity>().unwrap().as_f64();
    assert_eq!([float("0.1"), float("100m"), float("50m"), float("0"), float("2")], [0.1, 100.0 * 1e-3, 50.0 * 1e-3, 0.0, 2.0]);
    assert_eq!(float("350m"), 350.0 * 1e-3);
    assert_eq!(float("0.35"), 35.0 * 1e-2);
}
