//! Tasks of a Celery broker that are pushed to a service.

use std::path::Path;

use serde_json::Value;
use skala_testkit::servers::Redis;
use skala_testkit::skala::PATIENCE;
use skala_testkit::venv;
use skala_testkit::wait::until;

use super::{HEAD, WORKER, queue};
use crate::skala;

#[test]
fn a_task_of_celery_is_pushed_to_a_service_and_its_result_read_by_python() {
    let redis = Redis::durable();
    let url = format!("redis://{}/0", redis.address());
    let mut skala = skala(&format!(
        "{HEAD}services:\n  worker:\n    command: [python3, worker.py, $PORT]\n    readiness: {{httpGet: /, period: 200ms}}\n    drain: 5s\nqueues:\n  \
         work:\n    deliver: {{service: worker, path: /work, celery: {{broker: '{url}', queue: rust, consume: true}}}}\n    \
         timeout: 5s\n    retry: {{initial: 1s, attempts: 2}}\n"
    ));
    skala.write("worker.py", WORKER);
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fastapi-celery/requirements.txt");
    let python = venv::programs(&requirements, Path::new(env!("CARGO_TARGET_TMPDIR"))).join("python");
    skala.write(
        "send.py",
        &format!(
            "import json\nfrom celery import Celery\napp = Celery('t', broker='{url}', backend='{url}')\n\
             sent = [app.send_task('images.thumbnail', args=[n], kwargs={{'wide': True}}, queue='rust', task_id=f'task-{{n}}') for n in range(20)]\n\
             got = [r.get(timeout=40) for r in sent]\nprint(json.dumps(got))\n"
        ),
    );
    skala.up_ready("worker", 1);
    let output = std::process::Command::new(python).arg(skala.folder().join("send.py")).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let got: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    for n in 0..20 {
        let want =
            serde_json::json!({"task": "images.thumbnail", "id": format!("task-{n}"), "args": [n], "kwargs": {"wide": true}});
        assert_eq!((&got[n]["path"], &got[n]["got"]), (&"/work".into(), &want));
    }
    assert_eq!(queue(&skala, "work")["done"], 20);
    until("every message is acknowledged", PATIENCE, || (redis.run(&["HLEN", "unacked"]) == ":0").then_some(()));
    skala.down();
}
