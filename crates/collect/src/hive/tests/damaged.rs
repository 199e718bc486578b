//! Hives and logs that are damaged in one place or several, the same ones each time.

use super::super::Hive;
use super::{BIG, CYCLE, DELETED, DIRTY, LOG1, LOG2, LYING, NAMES, TRUNCATED, WHOLE, hashed, walk};

/// Nothing panics, no key is met twice, and no more is given than the hive has room for.
#[test]
fn damaged_hives_end() {
    let mut random = Random(1);
    let fixtures: [(&[u8], &[&[u8]]); 8] = [
        (NAMES, &[]),
        (BIG, &[]),
        (DELETED, &[]),
        (DIRTY, &[LOG1, LOG2]),
        (WHOLE, &[]),
        (TRUNCATED, &[]),
        (LYING, &[]),
        (CYCLE, &[]),
    ];
    for (hive, logs) in fixtures {
        for round in 0..2000 {
            let mut hive = hive.to_vec();
            let mut logs: Vec<_> = logs.iter().map(|log| log.to_vec()).collect();
            // A hive, a log as it would be found, a log whose hashes are right.
            let one = random.below(2);
            let damaged = if round % 3 > 0 { logs.get_mut(one).unwrap_or(&mut hive) } else { &mut hive };
            for _ in 0..=random.below(4) {
                random.damage(damaged);
            }
            if round % 3 == 2 {
                logs = logs.into_iter().map(hashed).collect();
            }
            read_all(hive, &logs);
        }
    }
}

fn read_all(bytes: Vec<u8>, logs: &[Vec<u8>]) {
    let most = logs.iter().fold(bytes.len(), |sum, log| sum + log.len());
    let Ok(hive) = Hive::open(bytes, logs) else { return };
    let all = walk(&hive);
    assert!(all.len() <= most / 8);
    for (_, values) in all {
        let length: usize = values.iter().map(|value| value.data.len()).sum();
        assert!(length <= most);
        for value in values {
            let _ = (value.text(), value.number());
        }
    }
    if let Ok(root) = hive.root() {
        let _ = root.key(r"Software\Vendor").map(|key| key.map(|key| key.value("Version")));
    }
    for deleted in hive.deleted() {
        let _ = (deleted.key.values(), deleted.key.keys());
    }
}

/// Numbers that are the same each time: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    /// Changes one byte, a number, or a piece; or cuts the end off.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        const NUMBERS: [u32; 8] = [0, 1, 32, 0x20, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
        // Most of the header is not read, and most of the rest is near what is.
        let at = if self.below(8) == 0 { self.below(64) } else { self.below(bytes.len().max(1)) };
        let rest = bytes.get_mut(at..).unwrap_or_default();
        match (self.below(20), rest) {
            (0, _) => bytes.truncate(at),
            (1..5, [one, two, three, four, ..]) => {
                [*one, *two, *three, *four] = NUMBERS[self.below(NUMBERS.len())].to_le_bytes();
            }
            (5..8, rest) => {
                // Offsets that lead somewhere.
                let number = (self.below(1024) * 8) as u32;
                rest.iter_mut().zip(number.to_le_bytes()).for_each(|(to, byte)| *to = byte);
            }
            (8..10, rest) => {
                let length = self.below(64).min(rest.len());
                rest[..length].fill(self.below(256) as u8);
            }
            (_, [one, ..]) => *one ^= 1 << self.below(8),
            _ => {}
        }
    }
}
