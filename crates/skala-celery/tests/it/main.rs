//! Against the real Celery and the real Redis.
#[test]
fn venvs() {
    for list in ["celery57.txt", "celery54.txt"] {
        let list = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(list);
        println!("{:?}", skala_testkit::venv::programs(&list, std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))));
    }
}
