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
    let rows = schedule.entries.iter().map(|e| {
        format!(
            "{} {} {:?} {:?} queue={} priority={} expires={:?} {:?} {:?} {:?}",
            e.name, e.task, e.cron, e.every, e.queue, e.priority, e.expires, e.args, e.kwargs, e.notes
        )
    });
    expect![[r#"
        Europe/Berlin
        nightly app.add Some("0 2 * * *") None queue=celery priority=0 expires=None [Number(1), Number(2)] {} []
        often app.add None Some(30.0) queue=celery priority=0 expires=Some(10.0) [] {"x": Number(1), "y": Number(2)} []
        weekly app.mail Some("*/15 8,9 * * mon-fri") None queue=email priority=3 expires=None [] {} []
    "#]]
    .assert_eq(&format!("{}\n{}\n", schedule.timezone, rows.collect::<Vec<_>>().join("\n")));
}

#[tokio::test]
async fn an_application_that_is_not_there_is_named() {
    let app = App::new("54", &[]);
    let error = beat::read(&app.python(), app.folder.path(), "nothing:here").await.unwrap_err();
    assert!(matches!(&error, Error::Beat { app, reason } if app == "nothing:here" && reason.contains("nothing")), "{error}");
    let error = beat::read("/no/python".as_ref(), app.folder.path(), "app").await.unwrap_err();
    assert!(error.to_string().contains("/no/python cannot be run"), "{error}");
}
