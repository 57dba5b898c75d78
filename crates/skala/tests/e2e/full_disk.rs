//! A disk that is full: skala keeps serving and scaling, and says that its journal cannot be written.

use std::path::{Path, PathBuf};
use std::process::Command;

use skala_testkit::skala::{PATIENCE, Skala, get};
use skala_testkit::wait::until;

use crate::{api, secs, skala};

/// A file system in memory of two mebibytes; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` without the right to mount.
    fn mount(at: &Path) -> Option<SmallDisk> {
        std::fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "none"]).arg(at).output().ok()?;
        mounted.status.success().then(|| SmallDisk(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(&self.0).output();
    }
}

fn metric(skala: &Skala, name: &str) -> f64 {
    crate::prom::Metrics::parse(&get(skala.admin(), "/metrics").text()).unwrap().value(name, "")
}

/// Holds that skala goes on without its journal.
fn goes_on(skala: &Skala) {
    let problem = until("status says so", PATIENCE, || {
        let problem = skala.admin_json("/v1/status")["problems"][0].as_str().map(str::to_owned);
        problem.filter(|p| p.contains("the journal cannot be written"))
    });
    assert!(problem.contains("decisions go on unrecorded: "), "{problem}");
    assert_eq!(metric(skala, "skala_journal_failing"), 1.0);
    until("lost records are counted", PATIENCE, || (metric(skala, "skala_journal_lost_total") > 0.0).then_some(()));
    assert_eq!(skala.get("/").status, 200);
    skala.ok(&["scale", "api=3"]);
    skala.await_ready("api", 3);
    assert_eq!(skala.get("/").status, 200);
    assert!(skala.ok(&["status"]).contains("the journal cannot be written"));
    assert!(skala.said().contains("the journal cannot be written"), "{}", skala.said());
    assert!(!skala.said().contains("panicked"), "{}", skala.said());
}

#[test]
fn a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk")) else {
        // Without the right to mount, the limit on the size of files below is what a full disk looks like.
        let may_mount = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout == b"0\n");
        assert!(!may_mount, "root could not mount a tmpfs");
        return;
    };
    let state = disk.0.join("state");
    let mut skala = skala(&api("replicas: 1")).state(&state);
    skala.up_ready("api", 1);
    until("something is recorded", PATIENCE, || (metric(&skala, "skala_journal_written_total") > 5.0).then_some(()));
    let filler = disk.0.join("filler");
    std::fs::write(&filler, vec![0; 4 << 20]).expect_err("the disk is full");
    goes_on(&skala);
    std::fs::remove_file(&filler).unwrap();
    until("the journal is written again", PATIENCE, || (metric(&skala, "skala_journal_failing") == 0.0).then_some(()));
    assert!(skala.admin_json("/v1/status")["problems"].as_array().unwrap().is_empty());
    skala.down();
}

#[test]
fn files_that_may_not_grow() {
    // 200 KiB in units of 512 bytes; the signal that a too large write raises is ignored, as it is under most service managers.
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 400; exec \"$0\" \"$@\""];
    let mut skala = skala(&api("replicas: 1")).prefix(&limited);
    skala.up_ready("api", 1);
    until("the journal reaches the limit", secs(60), || {
        // Each order is an event, so that the file grows.
        skala.run(&["pause", "api"]);
        (metric(&skala, "skala_journal_failing") == 1.0).then_some(())
    });
    goes_on(&skala);
    let down = skala.run(&["down"]);
    assert_eq!(down.code, Some(0), "{down:?}");
    skala.wait();
}
