//! The schedule of a real application.

use expect_test::expect;
use skala_celery::{Error, beat};

use crate::app::App;

#[tokio::test]
async fn a_schedule_is_read_without_pickle() {
    let app = App::new("57", &[]);
    // The application reads its settings from the environment, which a child inherits; this one needs a broker's address.
    let wrapper = format!(
        "import os\nos.environ.update(BROKER='redis://{}/0', NOTES='/dev/null')\nprint('noise')\nfrom app import app\n",
        app.redis.address()
    );
    std::fs::write(app.folder.path().join("wrapped.py"), wrapper).unwrap();
    let schedule = beat::read(&app.python(), app.folder.path(), "wrapped:app").await.unwrap();
    let rows = schedule.entries.iter().map(|(name, entry)| format!("{name} {entry}"));
    expect![[r#"
        Europe/Berlin
        nightly {"task":"app.add","args":[1,2],"kwargs":{},"options":{"queue":"celery"},"schedule":{"type":"crontab","minute":"0","hour":"2","day_of_month":"*","month_of_year":"*","day_of_week":"*"}}
        often {"task":"app.add","args":[],"kwargs":{"x":1,"y":2},"options":{"expires":10,"queue":"celery"},"schedule":{"type":"interval","seconds":30.0}}
        weekly {"task":"app.mail","args":[],"kwargs":{},"options":{"priority":3,"queue":"email"},"schedule":{"type":"crontab","minute":"*/15","hour":"8,9","day_of_month":"*","month_of_year":"*","day_of_week":"mon-fri"}}
    "#]].assert_eq(&format!("{}\n{}\n", schedule.timezone, rows.collect::<Vec<_>>().join("\n")));
}

#[tokio::test]
async fn an_application_that_is_not_there_is_named() {
    let app = App::new("54", &[]);
    let error = beat::read(&app.python(), app.folder.path(), "nothing:here").await.unwrap_err();
    assert!(matches!(&error, Error::Beat { app, reason } if app == "nothing:here" && reason.contains("nothing")), "{error}");
    let error = beat::read("/no/python".as_ref(), app.folder.path(), "app").await.unwrap_err();
    assert!(error.to_string().contains("/no/python cannot be run"), "{error}");
}
