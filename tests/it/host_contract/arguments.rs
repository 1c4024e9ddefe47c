//! Arguments arrive as they were given, whatever a shell would make of them.

use kup_core::id::RunId;
use kup_steps::host::{AttemptStatus, Host};

use super::{Specimens, end_of, order};

pub(super) async fn arguments_arrive_unchanged(
    host: &dyn Host,
    run: &RunId,
    specimens: &Specimens,
) {
    let Some(echo) = specimens.echo else { return };
    let hostile = [
        "",
        " ",
        "a b",
        "'",
        "\"",
        "'\"'",
        "$(reboot)",
        "`reboot`",
        "${HOME}",
        "$$",
        "%n%%",
        "; reboot",
        "a\nb",
        "\n",
        "end\n\n",
        "end.",
        "-rf",
        "--help",
        "*",
        "~root",
        "\\",
        "\\n",
        "!!",
        "#x",
        "a\tb",
        "é✓",
    ];
    let hostile = hostile.map(str::to_owned).to_vec();
    let expected: Vec<u8> =
        hostile.iter().flat_map(|arg| [arg.as_bytes(), b"\0"].concat()).collect();
    let asked = host.ask(&echo(hostile.clone())).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&asked.stdout), String::from_utf8_lossy(&expected));
    let order = order(run, "arguments", 1, 3, &echo(hostile));
    host.start(&order).await.unwrap();
    assert_eq!(end_of(host, &order.name).await, AttemptStatus::Ended { status: 0 });
    let output = host.output(&order.name).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output), String::from_utf8_lossy(&expected));
}
