//! Checks of the gateway, the admin API and prices.

use super::Cx;
use crate::model::Platform;
use crate::problem::Text;

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
    if admin.token.as_ref().is_some_and(|token| !fits_a_header(token.expose())) {
        let text = Text::new("the token cannot be sent")
            .because(
                "a request carries it in a header: it must not be empty and have no spaces, line ends or letters beyond ASCII",
            )
            .fix("make one with `openssl rand -hex 32`");
        cx.report("E0615", "admin.token", text);
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

fn fits_a_header(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())
}
