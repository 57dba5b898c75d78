//! Finds where skala may create control groups, or says why it may not.
//!
//! Decides: v1 where its CPU or memory controllers are mounted, else v2, else none.
//! Inputs: `/proc/self/mountinfo`, `/proc/self/cgroup`, and what the file system allows.
//! Method: groups go below skala's own, as a delegated subtree wants it (cgroup-v2.rst, "Delegation"). In v2 a group with processes
//! cannot hand controllers down, so skala moves into a leaf of its own where it is alone in its group.
//! Invariants: nothing outside skala's own group is touched.
//! Tested: `tests` below with the mount tables of four machines; `tests/local/` on this one.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::cgroup::{Layout, remove_tree, write};

/// Leaf group that skala itself moves to in v2.
const OWN_LEAF: &str = "skala-self";

/// Where skala's own groups are, by controller (`""` is v2).
type Own = BTreeMap<String, PathBuf>;

/// Finds a place for groups below a new folder `name`.
///
/// # Errors
/// A sentence that says why there is none.
pub(super) fn detect(name: &str) -> Result<Layout, String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    detect_in(&own_groups(&mounts, &own), name)
}

fn detect_in(own: &Own, name: &str) -> Result<Layout, String> {
    let v1 = ["cpu", "cpuacct", "memory"].map(|controller| own.get(controller));
    let mut refused = None;
    if v1.iter().any(Option::is_some) {
        match create_v1(v1, name) {
            Ok(layout) => return Ok(layout),
            Err(why) => refused = Some(why),
        }
    }
    match own.get("") {
        Some(dir) => create_v2(dir, name).map_err(|why| refused.unwrap_or(why)),
        None => Err(refused.unwrap_or_else(|| "no control groups are mounted".into())),
    }
}

fn create_v1(own: [Option<&PathBuf>; 3], name: &str) -> Result<Layout, String> {
    let mut refused = String::new();
    let [cpu, cpuacct, memory] = own.map(|dir| {
        let dir = dir?.join(name);
        create(&dir).map_err(|why| refused = why).ok().map(|()| dir)
    });
    if cpu.is_none() && cpuacct.is_none() && memory.is_none() {
        return Err(refused);
    }
    Ok(Layout::V1 { cpu, cpuacct, memory })
}

fn create_v2(own: &Path, name: &str) -> Result<Layout, String> {
    let dir = own.join(name);
    create(&dir)?;
    hand_down(own);
    hand_down(&dir);
    let controllers = words(&dir.join("cgroup.subtree_control"));
    let has = |name: &str| controllers.iter().any(|word| word == name);
    Ok(Layout::V2 { dir, cpu: has("cpu"), memory: has("memory") })
}

/// Hands CPU and memory controllers to the groups below, as far as that is allowed.
fn hand_down(dir: &Path) {
    let file = dir.join("cgroup.subtree_control");
    for controller in ["+cpu", "+memory"] {
        let busy = write(&file, controller).is_err_and(|e| e.kind() == io::ErrorKind::ResourceBusy);
        if busy && move_aside(dir) {
            let _ = write(&file, controller); // read back by the caller
        }
    }
}

/// Moves skala to a leaf, if nobody else is in its group.
fn move_aside(dir: &Path) -> bool {
    let own = std::process::id().to_string();
    if words(&dir.join("cgroup.procs")) != [own.clone()] {
        return false;
    }
    let leaf = dir.join(OWN_LEAF);
    create(&leaf).is_ok() && write(&leaf.join("cgroup.procs"), &own).is_ok()
}

fn words(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect()
}

fn create(dir: &Path) -> Result<(), String> {
    remove_tree(dir);
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(format!("creating the control group {} failed: {error}", dir.display()))
        }
        _ => Ok(()),
    }
}

/// Joins the two files of /proc: the folder of skala's own group, for each controller.
fn own_groups(mountinfo: &str, cgroup: &str) -> Own {
    let mut own = Own::new();
    for line in mountinfo.lines() {
        // `36 35 98:0 /root /mount/point rw,... [optional] - type source super,options` (proc_pid_mountinfo(5))
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let left: Vec<&str> = left.split(' ').collect();
        let (Some(root), Some(mount)) = (left.get(3), left.get(4)) else { continue };
        let right: Vec<&str> = right.split(' ').collect();
        let options = right.get(2).copied().unwrap_or_default();
        let controllers: Vec<&str> = match right.first().copied() {
            Some("cgroup2") => vec![""],
            Some("cgroup") => options.split(',').filter(|word| ["cpu", "cpuacct", "memory"].contains(word)).collect(),
            _ => continue,
        };
        for controller in controllers {
            let below = path_of(cgroup, controller).and_then(|path| path.strip_prefix(root.trim_end_matches('/')));
            let below = below.filter(|path| !path.contains("..")).unwrap_or_default().trim_start_matches('/');
            own.entry(controller.to_owned()).or_insert_with(|| Path::new(mount).join(below));
        }
    }
    own
}

/// The path in `4:memory:/path`, or `0::/path` for v2.
fn path_of<'a>(cgroup: &'a str, controller: &str) -> Option<&'a str> {
    cgroup.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let names = parts.next()?;
        parts.next().filter(|_| names.split(',').any(|name| name == controller))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(mountinfo: &str, cgroup: &str) -> String {
        let rows = own_groups(mountinfo, cgroup);
        rows.iter().map(|(name, dir)| format!("{name}={}", dir.display())).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn own_groups_on_four_machines() {
        let v2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let v1 =
            "31 23 0:27 / /c/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n32 23 0:28 / /c/mem rw - cgroup cgroup rw,memory\n";
        let docker = "33 23 0:29 /docker/abc /c/mem ro - cgroup cgroup rw,memory\n";
        let rows = [
            (v2, "0::/user.slice/app.scope\n", "=/sys/fs/cgroup/user.slice/app.scope"),
            (v2, "0::/../other\n", "=/sys/fs/cgroup/"),
            (v1, "4:cpu,cpuacct:/x\n3:memory:/y/z\n", "cpu=/c/cpu,cpuacct/x cpuacct=/c/cpu,cpuacct/x memory=/c/mem/y/z"),
            (docker, "3:memory:/docker/abc\n", "memory=/c/mem/"),
            ("garbage\n1 2 - cgroup2\n", "nonsense", ""),
        ];
        for (mountinfo, cgroup, want) in rows {
            assert_eq!(shown(mountinfo, cgroup), want);
        }
    }

    #[test]
    fn v2_works_on_this_machine_or_says_why_not() {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mut own = own_groups(&mounts, &fs::read_to_string("/proc/self/cgroup").unwrap());
        own.retain(|controller, _| controller.is_empty());
        let layout = match detect_in(&own, &format!("skala-test-{}", std::process::id())) {
            Ok(layout) => layout,
            Err(why) => return assert!(why.contains("control group"), "{why}"),
        };
        let amounts = crate::platform::Amounts { cpu: Some(skala_types::Cores(1.0)), memory: None };
        let (group, problems) = layout.create("api-1", &amounts, &amounts).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        for mut entrance in group.entrances().unwrap() {
            io::Write::write_all(&mut entrance, child.id().to_string().as_bytes()).unwrap();
        }
        assert!(group.holds(child.id()) && group.cpu().is_some());
        group.kill();
        assert!(!child.wait().unwrap().success());
        assert!(group.pids().is_empty());
        group.remove();
        assert!(layout.dirs().iter().all(|dir| remove_tree(dir)));
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        assert_eq!(detect_in(&Own::new(), "s").unwrap_err(), "no control groups are mounted");
        let own = Own::from([("memory".to_owned(), PathBuf::from("/proc/nowhere"))]);
        let why = detect_in(&own, "s").unwrap_err();
        assert!(why.starts_with("creating the control group /proc/nowhere/s failed"), "{why}");
    }
}
