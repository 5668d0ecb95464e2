//! What chance does on a link, over many frames: each knob does what it says, within three standard errors, and leaves
//! the others alone.

use std::collections::BTreeSet;

use proptest::prelude::*;
use socklab_lan::{Counts, Direction, Faults, Preset};

use crate::frames::{Arrived, Cable, LENGTH, frame};

const FRAMES: u32 = 100_000;

fn counts(faults: &str) -> Counts {
    let mut cable = Cable::new(1, faults);
    cable.send(FRAMES);
    cable.lan.counts(cable.from, Direction::Up).unwrap()
}

/// Within three standard errors of a share of `of`.
#[track_caller]
fn near(count: u64, share: f64, of: u64) {
    let expected = share * of as f64;
    let error = (of as f64 * share * (1.0 - share)).sqrt();
    assert!((count as f64 - expected).abs() <= 3.0 * error, "{count} is not {expected} ± 3 × {error}");
}

fn numbers(arrived: &[Arrived]) -> BTreeSet<u32> {
    arrived.iter().map(|frame| frame.number).collect()
}

#[test]
fn loss_duplication_corruption_and_reordering_are_as_likely_as_they_say() {
    for share in [0.001, 0.05, 0.5] {
        let each = "filter=any,p:S loss=S duplicate=S corrupt=S delay=5ms reorder=S".replace('S', &share.to_string());
        let counts = counts(&each);
        let left = counts.frames - counts.filtered;
        near(counts.filtered, share, counts.frames);
        near(counts.lost, share, left);
        near(counts.duplicated, share, left - counts.lost);
        near(counts.corrupted, share, counts.delivered);
        near(counts.reordered, share, counts.delivered);
    }
    near(counts("delay=5ms reorder=0.3 gap=4").reordered, 0.3, u64::from(FRAMES) / 4);
    assert_eq!(counts("loss=every:10").lost, u64::from(FRAMES) / 10);
    assert_eq!(counts("loss=list:1,5,100000,100001").lost, 3);
}

#[test]
fn bursts_are_as_long_and_as_frequent_as_the_chain_says() {
    let (p, r, h, k) = (0.02, 0.2, 0.3, 0.99);
    let mut cable = Cable::new(3, &format!("loss=gilbert:{p},{r},{h},{k}"));
    let arrived = numbers(&cable.send(FRAMES));
    let lost = FRAMES - arrived.len() as u32;
    let (bad, good) = (p / (p + r), r / (p + r));
    let share = bad * (1.0 - h) + good * (1.0 - k);
    // Frames of a burst are not independent: the state's correlation decays by 1 - p - r a frame.
    let decay: f64 = 1.0 - p - r;
    let state = bad * good * (k - h).powi(2);
    let variance = share * (1.0 - share) + 2.0 * state * decay / (1.0 - decay);
    let error = (variance * f64::from(FRAMES)).sqrt();
    assert!((f64::from(lost) - share * f64::from(FRAMES)).abs() <= 3.0 * error, "{lost} lost, {error}");
    let pairs = (1..FRAMES).filter(|number| !arrived.contains(number) && !arrived.contains(&(number - 1))).count();
    assert!(pairs as f64 > 4.0 * share * share * f64::from(FRAMES), "{pairs} losses follow a loss");
}

#[test]
fn radio_makes_loss_a_delay() {
    let counts = counts("loss=0.3 radio=3x2ms");
    near(counts.lost, 0.3_f64.powi(4), FRAMES.into());
    let retried: f64 = (1..=3).map(|tries| 0.3_f64.powi(tries)).sum();
    let error = (f64::from(FRAMES)).sqrt();
    assert!((counts.retried as f64 - retried * f64::from(FRAMES)).abs() < 3.0 * error, "{}", counts.retried);
}

/// Milliseconds that frames travelled, in the order in which they left.
fn delays(faults: &str) -> Vec<f64> {
    let mut arrived = Cable::new(5, faults).send(FRAMES);
    arrived.sort_by_key(|frame| frame.number);
    arrived.iter().map(|frame| frame.at.as_nanos() as f64 / 1e6 - f64::from(frame.number)).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

#[test]
fn delays_have_the_mean_the_spread_and_the_shape_that_they_say() {
    for (distribution, spread) in [("uniform", 5.0 / 3.0_f64.sqrt()), ("normal", 5.0), ("pareto", 5.0)] {
        let delays = delays(&format!("delay=50ms jitter=5ms distribution={distribution}"));
        let (mean, deviation) = (mean(&delays), deviation(&delays));
        let root = f64::from(FRAMES).sqrt();
        assert!((mean - 50.0).abs() <= 3.0 * spread / root, "{distribution}: mean {mean}");
        // The fourth moment of Pareto's distribution is infinite: its deviation converges slowly.
        let tolerance = if distribution == "pareto" { 0.5 } else { 3.0 * spread / (2.0 * f64::from(FRAMES)).sqrt() };
        assert!((deviation - spread).abs() <= tolerance, "{distribution}: deviation {deviation}");
        let late = delays.iter().filter(|delay| **delay > 70.0).count();
        assert_eq!(late > 100, distribution == "pareto", "{distribution}: {late} frames took 70 ms");
    }
    assert!(delays("delay=1ms jitter=9ms distribution=normal").iter().all(|delay| *delay >= 0.0));
}

#[test]
fn delays_resemble_the_one_before_as_much_as_they_say() {
    for rho in [0.0, 0.5, 0.9] {
        let delays = delays(&format!("delay=50ms jitter=5ms distribution=normal correlation={rho}"));
        let (mean, deviation) = (mean(&delays), deviation(&delays));
        let pairs: Vec<f64> = delays.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).collect();
        let found = self::mean(&pairs) / deviation.powi(2);
        let error = ((1.0 - rho * rho) / f64::from(FRAMES)).sqrt();
        assert!((found - rho).abs() <= 3.0 * error.max(0.001), "{found} is not {rho}");
        // It changes nothing else: the spread of correlated delays converges more slowly.
        assert!((deviation - 5.0).abs() < 0.3, "{deviation}");
    }
}

#[test]
fn order_is_kept_where_it_is_to_be_and_a_rate_is_exact() {
    let order = |faults: &str| Cable::new(6, faults).send(10_000).iter().map(|frame| frame.number).collect::<Vec<_>>();
    assert!(order("delay=20ms jitter=15ms keep-order").is_sorted());
    assert!(!order("delay=20ms jitter=15ms").is_sorted());
    // 100 bytes at 400 kbit/s take 2 ms, and one comes each millisecond: half of them wait, and are dropped at last.
    let mut cable = Cable::new(7, "rate=400kbit queue=50");
    let arrived = cable.send(1000);
    let gaps: BTreeSet<u64> = arrived.windows(2).map(|pair| pair[1].at.as_nanos() - pair[0].at.as_nanos()).collect();
    assert_eq!(gaps, BTreeSet::from([2_000_000]), "one frame each 2 ms");
    assert_eq!(arrived[0].at.as_nanos(), LENGTH as u64 * 8 * 2500);
    let counts = cable.lan.counts(cable.from, Direction::Up).unwrap();
    assert_eq!(counts.delivered + counts.overflowed, 1000);
    assert!((545..555).contains(&arrived.len()), "half of what came, and what the queue held at the end");
    // A bucket lets its burst through at once.
    let mut cable = Cable::new(7, "rate=8kbit burst=1000");
    let burst = cable.send(20);
    assert_eq!(burst.iter().filter(|frame| frame.at.as_nanos() == u64::from(frame.number) * 1_000_000).count(), 10);
}

#[test]
fn a_flapping_link_is_up_for_the_share_that_it_says() {
    let counts = counts("flap=300ms/100ms~50%");
    let up = counts.delivered as f64 / f64::from(FRAMES);
    // A hundred seconds have 250 rounds, and each span varies by 29 % of itself.
    assert!((up - 0.75).abs() < 0.03, "{up}");
}

#[test]
fn one_knob_leaves_the_draws_of_the_others_alone() {
    let arrived = |faults: &str| Cable::new(11, faults).send(20_000);
    let others = "duplicate=0.1 corrupt=0.1 delay=5ms jitter=2ms reorder=0.1 radio=0x1ms";
    assert!(numbers(&arrived("loss=0.1")) == numbers(&arrived(&format!("loss=0.1 {others}"))));
    // The same frames are corrupted, by the same bit, and travel for the same time, whatever else is lost.
    let harmed = |faults: &str| -> BTreeSet<(u32, u64, Vec<u8>)> {
        let out = arrived(faults);
        out.iter().map(|frame| (frame.number, frame.at.as_nanos(), frame.frame.to_vec())).collect()
    };
    let all = harmed("corrupt=0.1 delay=5ms jitter=2ms correlation=0.5");
    let some = harmed("loss=0.3 corrupt=0.1 delay=5ms jitter=2ms correlation=0.5 filter=any,p:0.1");
    assert!(some.len() < 15_000 && some.is_subset(&all));
    let twice = harmed("duplicate=0.3 corrupt=0.1 delay=5ms jitter=2ms correlation=0.5");
    assert!(all.is_subset(&twice) && twice.len() > 25_000);
}

#[test]
fn equal_seeds_repeat_and_others_differ() {
    let of = |seed: u64, faults: &str| numbers(&Cable::new(seed, faults).send(1000));
    assert_eq!(of(1, "loss=0.5"), of(1, "loss=0.5"));
    assert_ne!(of(1, "loss=0.5"), of(2, "loss=0.5"));
    // A smaller loss loses a part of what a larger one does.
    assert!(of(1, "loss=0.5").is_subset(&of(1, "loss=0.1")));
}

#[test]
fn directions_and_links_have_draws_of_their_own() {
    let mut cable = Cable::new(1, "loss=0.5");
    cable.lan.set_faults(socklab_lan::Time::ZERO, cable.to, Direction::Down, "loss=0.5".parse().unwrap());
    cable.send(10_000);
    let first = cable.lan.counts(cable.from, Direction::Up).unwrap();
    let second = cable.lan.counts(cable.to, Direction::Down).unwrap();
    assert_eq!(second.frames, first.delivered);
    near(second.lost, 0.5, second.frames);
}

#[test]
fn what_is_harmed_is_one_bit_behind_the_header() {
    for arrived in Cable::new(1, "corrupt=1").send(1000) {
        let sent = frame(arrived.number);
        let bits: u32 = sent.iter().zip(&arrived.frame).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert_eq!(bits, 1);
        assert_eq!(sent[..14], arrived.frame[..14]);
    }
}

#[test]
fn presets_are_known_by_name_and_read_back() {
    for preset in Preset::ALL {
        assert_eq!(preset.name().parse(), Ok(preset));
        for direction in [Direction::Up, Direction::Down] {
            let faults = preset.faults(direction);
            assert_eq!(faults.to_string().parse(), Ok(faults));
        }
    }
    assert_eq!("".parse(), Ok(Faults::default()));
    assert_eq!("rate=1.5mbit".parse::<Faults>(), "rate=1500kbit".parse());
    let wrong = [
        ("los=1%", "no fault is called \"los\""),
        ("loss=2", "\"2\" is no value for loss; for example 5%"),
        ("loss=list:0,1", "\"list:0,1\" is no value for loss; for example 5%"),
        ("filter=syn,nth:0", "\"syn,nth:0\" is no value for filter; for example syn,port:80,nth:2"),
        ("rate=0.0001kbit", "\"0.0001kbit\" is no value for rate; for example 20mbit"),
        ("queue=0", "\"0\" is no value for queue; for example 100"),
        ("flap=0s/1s", "\"0s/1s\" is no value for flap; for example 5s/2s~10%"),
        ("reorder=5%", "reorder does nothing alone; add for example delay=10ms"),
    ];
    for (text, expected) in wrong {
        assert_eq!(text.parse::<Faults>().unwrap_err().to_string(), expected);
    }
}

fn words() -> impl Strategy<Value = String> {
    let number = || 1..2000_u32;
    let share = || (0..=1000_u32).prop_map(|share| f64::from(share) / 1000.0);
    prop_oneof![
        Just("down".to_owned()),
        Just("keep-order".to_owned()),
        Just("fix-checksum".to_owned()),
        Just("drop=head".to_owned()),
        (number(), share()).prop_map(|(span, share)| format!("flap={span}ms/7us~{share}")),
        (number(), number()).prop_map(|(bits, burst)| format!("rate={bits}kbit burst={burst}")),
        number().prop_map(|number| format!("queue={number} queue-bytes={number}")),
        number().prop_map(|number| format!("delay={number}us jitter={number}ns distribution=pareto")),
        share().prop_map(|share| format!("loss={share}")),
        share().prop_map(|share| format!("loss=gilbert:{share},0.5,{share},1")),
        prop::collection::vec(number(), 1..5)
            .prop_map(|all| { format!("loss=list:{}", all.iter().map(u32::to_string).collect::<Vec<_>>().join(",")) }),
        share().prop_map(|share| format!("duplicate={share} corrupt={share} delay=2ms reorder={share} gap=3")),
        number().prop_map(|number| format!("mtu={number} radio={number}x3ms")),
        (number(), share()).prop_map(|(n, share)| format!("filter=syn,port:{n},nth:{n},p:{share},from:1s,until:{n}ms")),
        Just("filter=udp,address:fe80::1".to_owned()),
    ]
}

proptest! {
    #[test]
    fn faults_read_back_as_they_are_written(words in prop::collection::vec(words(), 0..8)) {
        let faults: Faults = words.join(" ").parse().unwrap();
        prop_assert_eq!(faults.to_string().parse::<Faults>(), Ok(faults));
    }
}
