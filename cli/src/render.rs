//! Facts as text. Pure: what is printed depends on what is given, and nothing is printed here.

pub(crate) mod backup;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod explain;
pub(crate) mod history;
pub(crate) mod inventory;
pub(crate) mod plan;
pub(crate) mod prune;
pub(crate) mod rollback;
pub(crate) mod show;

use std::time::Duration;

/// Returns a table without lines, as kubectl prints it.
fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Returns `17 bytes`, `12 KiB`, `34 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0..1024 => format!("{bytes} bytes"),
        1024..10_485_760 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}

/// Returns `4m12s`, `38s` or `0.4s`.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", time.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!(time(Duration::from_millis(420)), "0.4s");
        assert_eq!(time(Duration::from_secs(252)), "4m12s");
        assert_eq!(time(Duration::from_secs(7260)), "2h01m");
    }
}
