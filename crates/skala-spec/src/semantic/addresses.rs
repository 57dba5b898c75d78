//! Checks of the gateway, the admin API, the task server and prices.

use super::Cx;
use crate::model::Platform;
use crate::problem::Text;
use crate::scalar::Secret;

pub(super) fn check(platform: &Platform, cx: &mut Cx<'_>) {
    let (gateway, admin) = (&platform.gateway, &platform.admin);
    if gateway.listen.clashes(&admin.listen) && !cx.broken("gateway.listen") && !cx.broken("admin.listen") {
        let path = if cx.present("admin.listen") { "admin.listen" } else { "gateway.listen" };
        let text = Text::new(format!("the gateway and the admin API both listen on port {}", admin.listen.port()))
            .fix("give one of them another port");
        cx.report("E0610", path, text);
    }
    if !admin.listen.is_loopback() && admin.token.is_none() && !cx.broken("admin") {
        let text = Text::new("the admin API is open to other machines and has no token")
            .because("whoever reaches it can scale and stop everything")
            .fix("add `token: \"${SKALA_ADMIN_TOKEN}\"`, or listen on 127.0.0.1");
        cx.report("E0611", "admin.listen", text);
    }
    token("admin.token", admin.token.as_ref(), cx);
    if platform.has_tasks() {
        tasks(platform, cx);
    }
    if gateway.header_timeout.get().is_zero() {
        cx.report("E0612", "gateway.headerTimeout", Text::new("no request arrives in no time").fix("use `10s`"));
    }
    if !(1 << 10..=16 << 20).contains(&gateway.max_header_size.bytes()) {
        cx.report("E0613", "gateway.maxHeaderSize", Text::new("the size is out of range").fix("use `1Ki` to `16Mi`"));
    }
    if let Some(cost) = &platform.cost {
        let code = cost.currency.as_bytes();
        if code.len() != 3 || !code.iter().all(u8::is_ascii_uppercase) {
            cx.report(
                "E0614",
                "cost.currency",
                Text::new("this is not a currency code").fix("use three capital letters, such as `EUR`"),
            );
        }
    }
}

/// The task server, where there is anything for it to do.
fn tasks(platform: &Platform, cx: &mut Cx<'_>) {
    let tasks = &platform.tasks;
    let others =
        [("the gateway", "gateway.listen", &platform.gateway.listen), ("the admin API", "admin.listen", &platform.admin.listen)];
    for (other, path, listen) in others {
        if tasks.listen.clashes(listen) && !cx.broken("tasks.listen") && !cx.broken(path) {
            let at = if cx.present("tasks.listen") { "tasks.listen" } else { path };
            let text = Text::new(format!("{other} and the task server both listen on port {}", listen.port()));
            cx.report("E0610", at, text.fix("give one of them another port"));
        }
    }
    if !tasks.listen.is_loopback() && tasks.token.is_none() && !cx.broken("tasks") {
        let text = Text::new("the task server is open to other machines and has no token")
            .because("whoever reaches it can read, make and cancel tasks")
            .fix("add `token: \"${SKALA_TASKS_TOKEN}\"`, or listen on 127.0.0.1");
        cx.report("E0809", "tasks.listen", text);
    }
    token("tasks.token", tasks.token.as_ref(), cx);
    if tasks.store.contains('\0') || tasks.store.ends_with('/') {
        let text = Text::new("this is no file's name").fix("write a name, such as `tasks.db`, or an absolute path");
        cx.report("E0809", "tasks.store", text);
    }
}

fn token(at: &str, token: Option<&Secret>, cx: &mut Cx<'_>) {
    if token.is_some_and(|token| !fits_a_header(token.expose())) {
        let text = Text::new("the token cannot be sent")
            .because(
                "a request carries it in a header: it must not be empty and have no spaces, line ends or letters beyond ASCII",
            )
            .fix("make one with `openssl rand -hex 32`");
        cx.report("E0615", at, text);
    }
}

fn fits_a_header(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())
}
