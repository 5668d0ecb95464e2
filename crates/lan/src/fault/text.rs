//! Faults as people write them: `loss=5% delay=20ms jitter=5ms rate=2mbit`. Words are in any order; what is not said
//! is not wrong. The text of faults reads back as the same faults.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::time::Duration;

use super::{Carries, Corrupt, Delay, Distribution, Drop, Faults, Filter, Flap, Loss, Queue, Radio, Rate, Reorder};
use crate::Time;

/// What is wrong with the text of a fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No such word.
    #[error("no fault is called {0:?}")]
    Word(String),
    /// No such value for it.
    #[error("{0:?} is no value for {1}; for example {2}")]
    Value(String, &'static str, &'static str),
    /// It does nothing without another.
    #[error("{0} does nothing alone; add for example {1}")]
    Alone(&'static str, &'static str),
    /// No such preset.
    #[error("no preset is called {0:?}")]
    Preset(String),
}

impl FaultError {
    /// The message in Chinese.
    pub fn zh(&self) -> String {
        match self {
            FaultError::Word(word) => format!("没有名为 {word:?} 的故障"),
            FaultError::Value(value, word, example) => {
                format!("{word} 不能是 {value:?}；例如 {}", example.replace(", ", "、"))
            }
            FaultError::Alone(word, example) => format!("单独的 {word} 不起作用；请加上例如 {example}"),
            FaultError::Preset(name) => format!("没有名为 {name:?} 的预设"),
        }
    }
}

type Result<T> = std::result::Result<T, FaultError>;

impl FromStr for Faults {
    type Err = FaultError;
    fn from_str(text: &str) -> Result<Faults> {
        let mut faults = Faults::default();
        for word in text.split_whitespace() {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            faults.set_word(key, value)?;
        }
        if faults.reorder.probability > 0.0 && faults.delay.base.is_zero() && faults.delay.jitter.is_zero() {
            return Err(FaultError::Alone("reorder", "delay=10ms"));
        }
        Ok(faults)
    }
}

impl Faults {
    fn set_word(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "down" => self.up = false,
            "flap" => self.flap = Some(flap(value)?),
            "rate" => self.rate_mut().bits = read(value, bits, "rate", "20mbit")?,
            "burst" => self.rate_mut().burst = number(value, "burst", "3000")?,
            "queue" => self.queue.packets = read(value, some, "queue", "100")?,
            "queue-bytes" => self.queue.bytes = read(value, some, "queue-bytes", "30000")?,
            "drop" => self.queue.drop = read(value, which_drop, "drop", "head")?,
            "delay" => self.delay.base = read(value, duration, "delay", "20ms")?,
            "jitter" => self.delay.jitter = read(value, duration, "jitter", "5ms")?,
            "correlation" => self.delay.correlation = read(value, part, "correlation", "25%")?,
            "distribution" => self.delay.distribution = read(value, distribution, "distribution", "normal")?,
            "keep-order" => self.delay.keep_order = true,
            "loss" => self.loss = read(value, loss, "loss", "5%")?,
            "duplicate" => self.duplicate = read(value, part, "duplicate", "1%")?,
            "corrupt" => self.corrupt.probability = read(value, part, "corrupt", "1%")?,
            "fix-checksum" => self.corrupt.fix_checksum = true,
            "reorder" => self.reorder.probability = read(value, part, "reorder", "5%")?,
            "gap" => self.reorder.gap = number(value, "gap", "5")?,
            "mtu" => self.mtu = Some(read(value, some, "mtu", "576")?),
            "radio" => self.radio = Some(read(value, radio, "radio", "4x2ms")?),
            "filter" => self.filters.push(read(value, filter, "filter", "syn,port:80,nth:2")?),
            _ => return Err(FaultError::Word(key.to_owned())),
        }
        Ok(())
    }

    /// A burst without a rate is one at any rate.
    fn rate_mut(&mut self) -> &mut Rate {
        self.rate.get_or_insert(Rate { bits: u64::MAX, burst: 0 })
    }
}

fn read<T>(text: &str, parse: impl Fn(&str) -> Option<T>, key: &'static str, example: &'static str) -> Result<T> {
    parse(text).ok_or_else(|| FaultError::Value(text.to_owned(), key, example))
}

fn number<T: FromStr>(text: &str, key: &'static str, example: &'static str) -> Result<T> {
    read(text, |text| text.parse().ok(), key, example)
}

/// More than nothing: with none, no frame passes at all, which is called `down`.
fn some<T: FromStr + Default + PartialOrd>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number| *number > T::default())
}

/// `0.05` or `5%`.
fn part(text: &str) -> Option<f64> {
    let part: f64 = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    (0.0..=1.0).contains(&part).then_some(part)
}

/// `20ms`, `1.5s`, `300us`, `7ns`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (value, unit) = text.split_at(digits);
    let nanoseconds = match unit {
        "ns" => 1,
        "us" => 1000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => return None,
    };
    if let Ok(whole) = value.parse::<u64>() {
        return whole.checked_mul(nanoseconds).map(Duration::from_nanos);
    }
    let value: f64 = value.parse().ok().filter(|value| *value >= 0.0)?;
    Duration::try_from_secs_f64(value * nanoseconds as f64 / 1e9).ok()
}

/// `20mbit`, `1.5mbit`, `300kbit`, `1gbit`, `9600bit`.
fn bits(text: &str) -> Option<u64> {
    let value = text.strip_suffix("bit")?;
    let (value, unit) = match value.strip_suffix(['k', 'm', 'g']) {
        Some(rest) if value.ends_with('k') => (rest, 1_000),
        Some(rest) if value.ends_with('m') => (rest, 1_000_000),
        Some(rest) => (rest, 1_000_000_000),
        None => (value, 1),
    };
    // Exactly: so many bits for each of the fraction's digits.
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let steps = 10u64.checked_pow(fraction.len().try_into().ok()?)?;
    let part = digits(fraction)?.checked_mul(unit)?;
    let bits = digits(whole)?.checked_mul(unit)?.checked_add(part / steps)?;
    (bits > 0 && part % steps == 0).then_some(bits)
}

/// `5s/2s`, `5s/2s~10%`.
fn flap(text: &str) -> Result<Flap> {
    read(
        text,
        |text| {
            let (spans, jitter) = text.split_once('~').unwrap_or((text, "0"));
            let (up, down) = spans.split_once('/')?;
            let lasts = |span: &Duration| !span.is_zero();
            let (up, down) = (duration(up).filter(lasts)?, duration(down).filter(lasts)?);
            Some(Flap { up, down, jitter: part(jitter)? })
        },
        "flap",
        "5s/2s~10%",
    )
}

fn which_drop(text: &str) -> Option<Drop> {
    [Drop::Tail, Drop::Head].into_iter().find(|drop| drop_name(*drop) == text)
}

fn drop_name(drop: Drop) -> &'static str {
    match drop {
        Drop::Tail => "tail",
        Drop::Head => "head",
    }
}

fn distribution(text: &str) -> Option<Distribution> {
    use Distribution::{Normal, Pareto, Uniform};
    [Uniform, Normal, Pareto].into_iter().find(|distribution| distribution_name(*distribution) == text)
}

fn distribution_name(distribution: Distribution) -> &'static str {
    match distribution {
        Distribution::Uniform => "uniform",
        Distribution::Normal => "normal",
        Distribution::Pareto => "pareto",
    }
}

/// `5%`, `gilbert:p,r,h,k`, `list:1,5`, `every:10`.
fn loss(text: &str) -> Option<Loss> {
    let Some((kind, values)) = text.split_once(':') else { return part(text).map(Loss::Random) };
    let values: Vec<&str> = values.split(',').collect();
    match (kind, values.as_slice()) {
        ("gilbert", [p, r, h, k]) => Some(Loss::Gilbert { p: part(p)?, r: part(r)?, h: part(h)?, k: part(k)? }),
        ("list", places) => places.iter().map(|place| some(place)).collect::<Option<_>>().map(Loss::List),
        ("every", [n]) => n.parse().ok().filter(|n| *n > 0).map(Loss::Every),
        _ => None,
    }
}

/// `4x2ms`.
fn radio(text: &str) -> Option<Radio> {
    let (retries, time) = text.split_once('x')?;
    Some(Radio { retries: retries.parse().ok()?, retry_time: duration(time)? })
}

/// `tcp,port:80,address:192.168.1.7,nth:2,p:50%,from:1s,until:3s`.
fn filter(text: &str) -> Option<Filter> {
    let mut filter = Filter::default();
    for word in text.split(',') {
        let (key, value) = word.split_once(':').unwrap_or((word, ""));
        match key {
            "address" => filter.address = Some(value.parse().ok()?),
            "port" => filter.port = Some(value.parse().ok()?),
            "nth" => filter.nth = Some(some(value)?),
            "p" => filter.probability = part(value)?,
            "from" => filter.from = Time::ZERO + duration(value)?,
            "until" => filter.until = Time::ZERO + duration(value)?,
            carries => filter.carries = carried(carries)?,
        }
    }
    Some(filter)
}

const CARRIED: [(Carries, &str); 8] = [
    (Carries::Any, "any"),
    (Carries::Arp, "arp"),
    (Carries::Tcp, "tcp"),
    (Carries::Syn, "syn"),
    (Carries::Udp, "udp"),
    (Carries::Icmp, "icmp"),
    (Carries::Dhcp, "dhcp"),
    (Carries::Dns, "dns"),
];

fn carried(text: &str) -> Option<Carries> {
    CARRIED.iter().find(|(_, name)| *name == text).map(|(carries, _)| *carries)
}

/// A duration in the largest unit in which it is whole.
pub(super) struct Span(pub(super) Duration);

impl Display for Span {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = self.0.as_nanos();
        let units = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000)];
        match units.iter().find(|(_, size)| nanoseconds.is_multiple_of(*size)) {
            Some((unit, size)) => write!(to, "{}{unit}", nanoseconds / size),
            None => write!(to, "{nanoseconds}ns"),
        }
    }
}

/// `perfect`, or the words that make it: `delay=20ms loss=0.05`.
impl Display for Faults {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.words();
        to.write_str(if words.is_empty() { "" } else { &words[1..] })
    }
}

impl Faults {
    /// Each with a space before it.
    fn words(&self) -> String {
        let mut words = String::new();
        let mut say = |word: &dyn Display| words.push_str(&format!(" {word}"));
        let Faults { up, flap, rate, mtu, radio, filters, .. } = self;
        if !up {
            say(&"down");
        }
        if let Some(Flap { up, down, jitter }) = flap {
            say(&format_args!("flap={}/{}~{jitter}", Span(*up), Span(*down)));
        }
        if let Some(Rate { bits, burst }) = rate {
            say(&format_args!("rate={bits}bit burst={burst}"));
        }
        say_queue(&self.queue, &mut say);
        say_delay(&self.delay, &mut say);
        say_loss(&self.loss, &mut say);
        say_harm(self, &mut say);
        if let Some(mtu) = mtu {
            say(&format_args!("mtu={mtu}"));
        }
        if let Some(Radio { retries, retry_time }) = radio {
            say(&format_args!("radio={retries}x{}", Span(*retry_time)));
        }
        filters.iter().for_each(|filter| say(&format_args!("filter={filter}")));
        words
    }
}

fn say_queue(queue: &Queue, say: &mut dyn FnMut(&dyn Display)) {
    let usual = Queue::default();
    if queue.packets != usual.packets {
        say(&format_args!("queue={}", queue.packets));
    }
    if queue.bytes != usual.bytes {
        say(&format_args!("queue-bytes={}", queue.bytes));
    }
    if queue.drop != usual.drop {
        say(&format_args!("drop={}", drop_name(queue.drop)));
    }
}

fn say_delay(delay: &Delay, say: &mut dyn FnMut(&dyn Display)) {
    let Delay { base, jitter, correlation, distribution, keep_order } = delay;
    if !base.is_zero() {
        say(&format_args!("delay={}", Span(*base)));
    }
    if !jitter.is_zero() {
        say(&format_args!("jitter={}", Span(*jitter)));
    }
    if *correlation != 0.0 {
        say(&format_args!("correlation={correlation}"));
    }
    if *distribution != Distribution::Uniform {
        say(&format_args!("distribution={}", distribution_name(*distribution)));
    }
    if *keep_order {
        say(&"keep-order");
    }
}

fn say_loss(loss: &Loss, say: &mut dyn FnMut(&dyn Display)) {
    match loss {
        Loss::None => {}
        Loss::Random(probability) => say(&format_args!("loss={probability}")),
        Loss::Gilbert { p, r, h, k } => say(&format_args!("loss=gilbert:{p},{r},{h},{k}")),
        Loss::List(places) => {
            let places: Vec<String> = places.iter().map(u64::to_string).collect();
            say(&format_args!("loss=list:{}", places.join(",")));
        }
        Loss::Every(n) => say(&format_args!("loss=every:{n}")),
    }
}

fn say_harm(faults: &Faults, say: &mut dyn FnMut(&dyn Display)) {
    let Faults { duplicate, corrupt: Corrupt { probability, fix_checksum }, reorder, .. } = faults;
    if *duplicate != 0.0 {
        say(&format_args!("duplicate={duplicate}"));
    }
    if *probability != 0.0 {
        say(&format_args!("corrupt={probability}"));
    }
    if *fix_checksum {
        say(&"fix-checksum");
    }
    let Reorder { probability, gap } = reorder;
    if *probability != 0.0 {
        say(&format_args!("reorder={probability}"));
    }
    if *gap != 0 {
        say(&format_args!("gap={gap}"));
    }
}

impl Display for Filter {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = CARRIED.iter().find(|(carries, _)| *carries == self.carries).map_or("any", |(_, name)| name);
        to.write_str(name)?;
        self.address.iter().try_for_each(|address| write!(to, ",address:{address}"))?;
        self.port.iter().try_for_each(|port| write!(to, ",port:{port}"))?;
        self.nth.iter().try_for_each(|nth| write!(to, ",nth:{nth}"))?;
        if self.probability != 1.0 {
            write!(to, ",p:{}", self.probability)?;
        }
        if self.from != Time::ZERO {
            write!(to, ",from:{}", Span(self.from - Time::ZERO))?;
        }
        if self.until != Time::NEVER {
            write!(to, ",until:{}", Span(self.until - Time::ZERO))?;
        }
        Ok(())
    }
}
