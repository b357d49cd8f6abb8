//! Many lives of a channel, each drawn from a seed: at the end both sides hold the same facts, and none was lost.

use std::collections::BTreeSet;
use std::env;

use rstest::rstest;

use crate::world::{Line, World};

/// Lives that each test run goes through, in four parts that run side by side.
const N_LIVES: u64 = 10_000;
const N_PARTS: u64 = 4;

/// How long a life is troubled, and how long after it everything must be even.
const TROUBLED_MS: u64 = 1_800_000;
const EVEN_WITHIN_MS: u64 = 7_200_000;

/// Lets trouble happen for a while.
fn trouble(world: &mut World) {
    let mut at_ms = 0;
    while at_ms < TROUBLED_MS {
        at_ms += 1 + world.below(60_000);
        world.run_until(at_ms);
        match world.below(100) {
            0..60 => (0..=world.below(8)).for_each(|nth| world.write(nth == 7)),
            60..66 => world.write(true),
            66..70 => world.restart_box(),
            70..73 => world.back_up_box(),
            73..75 => world.restore_box(),
            75 => world.clone_box(),
            76 if world.below(3) == 0 => world.replace_boxes(),
            76..79 => world.restart_hub(),
            79..82 => world.back_up_hub(),
            82..84 => world.restore_hub(),
            84..87 => {
                let by_ms = i64::try_from(world.below(200_000_000_000)).unwrap() - 100_000_000_000;
                world.step_clock(by_ms);
            }
            87..93 => world.line = Line { lost: 1_000, doubled: 0, delay_ms: 1 },
            93..97 => world.line = Line { lost: 300, doubled: 200, delay_ms: 20_000 },
            _ => world.line = Line { lost: 0, doubled: 0, delay_ms: 50 },
        }
        world.sign_of_life();
    }
}

/// Lets everything come even; says how long it took.
fn settle(world: &mut World) -> Option<u64> {
    world.line = Line { lost: 0, doubled: 0, delay_ms: 50 };
    let calm_from = world.now_ms;
    while world.now_ms < calm_from + EVEN_WITHIN_MS {
        let next = world.now_ms + 20_000;
        world.run_until(next);
        if world.is_even() {
            return Some(world.now_ms - calm_from);
        }
        world.sign_of_life();
    }
    None
}

/// Lives one life; returns what is wrong at its end.
fn live(seed: u64) -> Result<(), String> {
    let mut world = World::new(seed);
    trouble(&mut world);
    if settle(&mut world).is_none() {
        let told: Vec<_> = world.boxes.iter().map(|one| one.machine.told(&one.disk)).collect();
        return Err(format!("the sides never came even: {told:?}, {:?}", world.uneven()));
    }
    let hubs = world.hubs().facts();
    for (of, one) in world.boxes.iter().enumerate() {
        let told = one.machine.told(&one.disk);
        let has_all = world.is_replaced(of) || one.disk.facts() == hubs;
        if !has_all || told.n_pending != 0 || !told.diverged.is_empty() {
            return Err(format!("the sides hold different facts: {told:?}"));
        }
    }
    let held: BTreeSet<_> = hubs.iter().map(|(_, origin, seq, _)| (*origin, *seq)).collect();
    let missing: Vec<_> = world.written.difference(&held).filter(|fact| !world.lost.contains(fact)).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("facts are missing: {missing:?}")) }
}

/// Goes through lives from one seed on; a failing one is told with the command that lives it again.
fn live_all(first: u64, n_lives: u64) {
    for seed in first..first + n_lives {
        if let Err(why) = live(seed) {
            panic!("seed {seed}: {why}\nagain: MACHIAI_SEED={seed} cargo nextest run -p machiai-wire simulation");
        }
    }
}

#[rstest]
fn whatever_the_line_does_both_sides_hold_the_same_facts_at_the_end(#[values(0, 1, 2, 3)] part: u64) {
    let n_lives = N_LIVES / N_PARTS;
    match env::var("MACHIAI_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => live_all(seed, 1),
        None => live_all(part * n_lives, n_lives),
    }
}
