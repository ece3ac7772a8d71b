//! How long this machine has been up, which no change of the clock changes.

use crate::domain::Uptime;

/// Where the kernel tells it, and tells one start of the machine from another.
const UPTIME: &str = "/proc/uptime";
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// How long it has been up; `None`: this system does not tell.
pub(super) fn uptime() -> Option<Uptime> {
    let boot = std::fs::read_to_string(BOOT).ok()?;
    let told = std::fs::read_to_string(UPTIME).ok()?;
    Some(Uptime {
        boot: boot.trim().to_owned(),
        ms: millis(&told)?,
    })
}

/// The seconds that `told` begins with, in milliseconds.
fn millis(told: &str) -> Option<u64> {
    let (secs, parts) = told.split_whitespace().next()?.split_once('.')?;
    let hundredths: u64 = parts.get(..2)?.parse().ok()?;
    secs.parse::<u64>()
        .ok()?
        .checked_mul(1_000)?
        .checked_add(hundredths * 10)
}

#[cfg(test)]
mod tests {
    use super::{millis, uptime};

    #[test]
    fn the_kernels_words_are_read() {
        assert_eq!(millis("4382.92 5792.09\n"), Some(4_382_920));
        assert_eq!(millis("0.00 0.00"), Some(0));
        for odd in ["", "4382", "4382.9", "x.yz", "99999999999999999999.00"] {
            assert_eq!(millis(odd), None, "{odd}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_tells_and_time_passes() {
        let before = uptime().unwrap();
        let after = uptime().unwrap();
        assert_eq!(before.boot, after.boot);
        assert!(before.ms <= after.ms);
    }
}
