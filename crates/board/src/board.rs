//! What the interpreter's thread and the link's two threads share: what came in, what goes out, and what wants the
//! program's attention. Every wait of a native function is here, so that each of them ends at Ctrl-C.
//!
//! What the bytes mean to Python belongs to `console` and `modules`; the frames to `link`; the threads to `process`.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rustpython_vm::builtins::PyBaseExceptionRef;
use rustpython_vm::signal::UserSignalSender;
use rustpython_vm::{PyResult, VirtualMachine};

use crate::flash::Flash;
use crate::hardware::{Due, Hardware, Pin};
use crate::link::{End, FromBoard, Program, Seen};
use crate::lost::{self, Why};
use crate::memory;
use crate::modules::schedule::{self, Token};
use crate::net::{self, Network};
use crate::profile::Profile;

/// Output that waits for the parent; a program that prints more waits for room.
const OUTPUT_ROOM: usize = 64 << 10;

/// What the board's parts have done and the parent has not been told.
const EVENTS: usize = 1024;

/// As much output is sent at once; less than this may wait [`OUTPUT_AGE`] for more.
const OUTPUT_CHUNK: usize = 4 << 10;

/// How long a few bytes of output wait for more: long enough to make one frame of a loop of prints, too short to see.
const OUTPUT_AGE: Duration = Duration::from_millis(1);

/// So many bytes are read before the parent hears of it, unless none are left.
const READ: usize = 4 << 10;

/// How long Ctrl-C may wait for a program that is busy. Python looks before each bytecode.
const INTERRUPT_PATIENCE: Duration = Duration::from_secs(1);

/// How long the last words of a board may wait for its state.
const LAST_PATIENCE: Duration = Duration::from_millis(200);

/// Callbacks that wait; boards have room for as many.
const CALLBACKS: usize = 8;

/// The one board of this process.
pub(crate) struct Board {
    /// Which board it is.
    pub(crate) profile: &'static Profile,
    /// Its files.
    pub(crate) flash: Flash,
    /// The folder of the program, when that is not in the flash: it has modules to import, and nothing else.
    pub(crate) beside: Option<Flash>,
    /// Its network.
    pub(crate) network: Network,
    /// When it was switched on: `time.ticks_ms` counts from here, over soft resets.
    pub(crate) started: Instant,
    state: Mutex<State>,
    /// Ctrl-C has been taken, or the job that it was meant for is over.
    taken: Condvar,
    /// The thread that the interpreter was started in.
    first_thread: OnceLock<ThreadId>,
    /// Something that the program waits for has changed.
    changed: Condvar,
    /// There is something to send.
    posted: Condvar,
    /// The clock has another time to wait for.
    alarmed: Condvar,
}

pub(crate) struct State {
    pub(crate) input: VecDeque<u8>,
    /// No more comes after it.
    pub(crate) input_ends: bool,
    /// Bytes of it that were read, and that the parent does not know of.
    read: usize,
    /// Pins, alarms, and what the outside gives.
    pub(crate) hardware: Hardware,
    /// What the parent wants done, in this order.
    pub(crate) jobs: VecDeque<Job>,
    /// A job is being done, and Ctrl-C is meant for it.
    running: bool,
    interrupted: bool,
    /// Somebody looks whether it is taken.
    watched: bool,
    /// The program wants a reset, of this kind.
    reset: Option<End>,
    scheduled: VecDeque<Token>,
    doorbell: Option<UserSignalSender>,
    /// Counts what has come from the access points.
    pub(crate) air_changes: u64,
    /// The answer to a scan.
    pub(crate) scanned: Option<Vec<Seen>>,
    out: Vec<FromBoard>,
    out_bytes: usize,
    hurry: bool,
    /// The process ends with this status when all has been sent.
    over: Option<i32>,
}

/// Something for the interpreter's thread to do.
pub(crate) enum Job {
    Run(Program),
    Complete(String),
}

impl State {
    /// Whether Ctrl-C is for what runs: between two jobs it may be meant for the next one, unless a callback runs.
    fn takes_interrupt(&self) -> bool {
        self.running || schedule::busy()
    }

    /// Takes of the input; the parent hears that there is room again.
    pub(crate) fn take_input<T>(&mut self, take: impl FnOnce(&mut VecDeque<u8>) -> T) -> T {
        let before = self.input.len();
        let taken = take(&mut self.input);
        self.read += before - self.input.len();
        if self.read >= READ || self.input.is_empty() {
            self.out.push(FromBoard::Read(std::mem::take(&mut self.read) as u32));
        }
        taken
    }

    /// Has a program run. A Ctrl-C that came too late for the one before is not meant for it.
    pub(crate) fn begin(&mut self, program: Program) {
        self.jobs.push_back(Job::Run(program));
        self.interrupted = false;
    }

    fn new() -> State {
        State {
            input: VecDeque::new(),
            input_ends: false,
            read: 0,
            hardware: Hardware::new(),
            jobs: VecDeque::new(),
            running: false,
            interrupted: false,
            watched: false,
            reset: None,
            scheduled: VecDeque::new(),
            doorbell: None,
            air_changes: 0,
            scanned: None,
            out: Vec::new(),
            out_bytes: 0,
            hurry: false,
            over: None,
        }
    }
}

static BOARD: OnceLock<Board> = OnceLock::new();

/// The board of this process.
pub(crate) fn board() -> &'static Board {
    BOARD.get().expect("switch_on comes before any Python")
}

/// Makes the board of this process; the first call decides.
pub(crate) fn switch_on(
    profile: &'static Profile,
    flash: Flash,
    beside: Option<Flash>,
    outside: net::Outside,
) -> &'static Board {
    BOARD.get_or_init(|| Board {
        profile,
        flash,
        beside,
        network: Network::new(outside, profile),
        started: Instant::now(),
        state: Mutex::new(State::new()),
        taken: Condvar::new(),
        first_thread: OnceLock::new(),
        changed: Condvar::new(),
        posted: Condvar::new(),
        alarmed: Condvar::new(),
    })
}

/// What is done between two bytecodes, or in a wait.
enum Task {
    Interrupt,
    Reset,
    Callback(Token),
}

impl Board {
    // ---- from the link's threads

    /// Changes what the program may be waiting for.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
        self.network.wake();
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        self.tell(FromBoard::Interrupted);
        self.demand(|state| state.interrupted = true);
        self.watch_interrupt();
    }

    /// Ends the board when the Ctrl-C that has just come is not taken: Python is in the middle of something long that
    /// looks at nothing, and a person waits.
    fn watch_interrupt(&self) {
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.watched, true) {
            return;
        }
        drop(state);
        thread::spawn(|| {
            if !board().await_interrupt_taken(INTERRUPT_PATIENCE) {
                memory::wake();
                if !board().await_interrupt_taken(INTERRUPT_PATIENCE / 4) {
                    lost::somewhere(Why::Interrupt);
                }
            }
            board().state.lock().watched = false;
        });
    }

    /// Waits for the program to take its Ctrl-C; false if it does not.
    fn await_interrupt_taken(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut state = self.state.lock();
        while state.running && state.interrupted {
            if self.taken.wait_until(&mut state, until).timed_out() {
                return !(state.running && state.interrupted);
            }
        }
        true
    }

    /// Whether a Ctrl-C waits that somebody should have taken long ago.
    pub(crate) fn overdue(&self) -> bool {
        let state = self.state.try_lock_for(LAST_PATIENCE);
        state.is_some_and(|state| state.running && state.interrupted)
    }

    /// Sends what there is, and this, and ends the process. What holds the board's state may be the very thread that
    /// asks: then the process ends without a word.
    pub(crate) fn end_process(&self, last: FromBoard, status: i32) {
        let Some(mut state) = self.state.try_lock_for(LAST_PATIENCE) else { std::process::exit(status) };
        state.out.push(last);
        state.hurry = true;
        state.over = Some(status);
        self.posted.notify_one();
    }

    /// Ends the program, which asks for a reset of the board.
    pub(crate) fn reset(&self, kind: End) {
        self.demand(|state| state.reset = Some(kind));
    }

    /// Has a callback run as soon as the program can be interrupted; false when too many wait already.
    pub(crate) fn schedule(&self, token: Token) -> bool {
        let mut room = false;
        self.demand(|state| {
            room = state.scheduled.len() < CALLBACKS;
            if room {
                state.scheduled.push_back(token);
            }
        });
        room
    }

    /// Changes the hardware from outside; has the callback run that this calls for.
    pub(crate) fn outside(&self, change: impl FnOnce(&mut Hardware) -> Option<Token>) {
        let callback = change(&mut self.state.lock().hardware);
        self.changed.notify_all();
        // With the queue full, a board loses the interrupt.
        let _ = callback.map(|token| self.schedule(token));
    }

    /// The clock: has done what is due, and waits for the next.
    pub(crate) fn keep_time(&self) {
        loop {
            let due = {
                let mut state = self.state.lock();
                match state.hardware.next_alarm() {
                    Some(at) if at <= Instant::now() => state.hardware.take_due(Instant::now()),
                    Some(at) => {
                        self.alarmed.wait_until(&mut state, at);
                        continue;
                    }
                    None => {
                        self.alarmed.wait(&mut state);
                        continue;
                    }
                }
            };
            for alarm in due {
                match alarm {
                    Due::Callback(token) => drop(self.schedule(token)),
                    Due::Watchdog => self.reset(End::Watchdog),
                }
            }
        }
    }

    /// Wakes the program: out of a wait by the condition, out of its bytecodes by the interpreter's own flag.
    fn demand(&self, demand: impl FnOnce(&mut State)) {
        let doorbell = {
            let mut state = self.state.lock();
            demand(&mut state);
            state.doorbell.clone()
        };
        self.changed.notify_all();
        self.network.wake();
        ring(doorbell.as_ref());
    }

    /// Waits for something to send; an exit status when nothing more comes.
    pub(crate) fn to_send(&self) -> Result<Vec<FromBoard>, i32> {
        let mut state = self.state.lock();
        while state.out.is_empty() {
            if let Some(status) = state.over {
                return Err(status);
            }
            self.posted.wait(&mut state);
        }
        if !state.hurry && state.out_bytes < OUTPUT_CHUNK {
            self.posted.wait_for(&mut state, OUTPUT_AGE);
        }
        state.hurry = false;
        state.out_bytes = 0;
        let out = std::mem::take(&mut state.out);
        self.changed.notify_all(); // there is room again
        Ok(out)
    }

    // ---- from the threads of the interpreter

    /// Whether the console has input, or Ctrl-C is on its way: what a wait elsewhere looks at.
    pub(crate) fn has_input(&self) -> bool {
        !self.state.lock().input.is_empty()
    }

    /// Connects the interpreter. What has come up before, it meets with its first job.
    pub(crate) fn connect(&self, doorbell: UserSignalSender) {
        memory::connect(doorbell.clone());
        let _ = self.first_thread.set(thread::current().id());
        self.state.lock().doorbell = Some(doorbell);
    }

    /// Whether this is the thread that the interpreter was started in, which alone is interrupted.
    fn is_first_thread(&self) -> bool {
        self.first_thread.get().is_none_or(|first| *first == thread::current().id())
    }

    /// Does what has come up: KeyboardInterrupt, a reset, callbacks. Callbacks do not interrupt each other; those that
    /// they schedule come later, so that one that schedules itself lets the program go on.
    /// Other threads than the program's first go on, as CPython's do.
    pub(crate) fn attend(&self, vm: &VirtualMachine) -> PyResult<()> {
        if !self.is_first_thread() {
            return Ok(());
        }
        let mut callbacks = self.state.lock().scheduled.len();
        while let Some(task) = self.next_task(callbacks > 0) {
            match task {
                Task::Interrupt => return Err(interrupted(vm)),
                Task::Reset => return Err(vm.new_exception_empty(vm.ctx.exceptions.system_exit.to_owned())),
                Task::Callback(token) => {
                    callbacks -= 1;
                    schedule::run(vm, token)?;
                }
            }
        }
        Ok(())
    }

    fn next_task(&self, callbacks: bool) -> Option<Task> {
        let mut state = self.state.lock();
        self.taken.notify_all();
        if state.reset.is_some() {
            // It stays: a program that catches SystemExit meets the next one.
            return Some(Task::Reset);
        }
        if state.takes_interrupt() && std::mem::take(&mut state.interrupted) {
            return Some(Task::Interrupt);
        }
        if schedule::busy() || !callbacks { None } else { state.scheduled.pop_front().map(Task::Callback) }
    }

    /// Looks at a pin and changes it; the parent is told what the board drives from now on.
    pub(crate) fn pin<R>(&self, number: u8, change: impl FnOnce(&mut Pin) -> R) -> R {
        let (result, before, after) = {
            let pin = &mut self.state.lock().hardware.pins[usize::from(number)];
            let before = *pin;
            (change(pin), before, *pin)
        };
        let driven = |pin: Pin| pin.output.then_some(pin.driven);
        if let Some(high) = driven(after).filter(|_| driven(before) != driven(after)) {
            self.tell_event(FromBoard::Pin { pin: number, high });
        }
        result
    }

    /// Looks at the hardware or changes it, as the program does.
    pub(crate) fn hardware<R>(&self, change: impl FnOnce(&mut Hardware) -> R) -> R {
        let result = change(&mut self.state.lock().hardware);
        self.alarmed.notify_one();
        result
    }

    /// Waits for the next thing to do. Callbacks run meanwhile, as at a board's prompt.
    pub(crate) fn next_job(&self, vm: &VirtualMachine) -> Job {
        self.hurry();
        let mut state = self.state.lock();
        state.running = false;
        self.taken.notify_all();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                state.running = true;
                if state.interrupted {
                    // Ctrl-C came before its first bytecode; an earlier ring may have been heard by nobody.
                    ring(state.doorbell.as_ref());
                }
                return job;
            }
            if let Some(reset) = state.reset.take() {
                // A callback wants it, or the watchdog.
                state.out.push(FromBoard::Ended(reset));
                self.posted.notify_one();
            }
            if state.scheduled.is_empty() || schedule::busy() {
                self.changed.wait(&mut state);
            } else {
                drop(state);
                // What ends a callback has been printed, or is looked at above.
                let _ = self.attend(vm);
                state = self.state.lock();
            }
        }
    }

    /// How much has come from the access points.
    pub(crate) fn air_changes(&self) -> u64 {
        self.state.lock().air_changes
    }

    /// The reset that ended this run, if one did.
    pub(crate) fn take_reset(&self) -> Option<End> {
        self.state.lock().reset.take()
    }

    /// Whether Ctrl-C or a reset waits, for the eyes of a callback that runs where signals are not looked at.
    pub(crate) fn demanded(&self) -> bool {
        let state = self.state.lock();
        state.interrupted || state.reset.is_some()
    }

    /// Waits until `ready` finds something, or `until`; what was printed before goes out first. Attends to whatever
    /// comes up meanwhile.
    pub(crate) fn wait<T>(
        &self,
        vm: &VirtualMachine,
        until: Option<Instant>,
        mut ready: impl FnMut(&mut State) -> Option<T>,
    ) -> PyResult<Option<T>> {
        self.hurry();
        loop {
            self.attend(vm)?;
            let mut state = self.state.lock();
            if let Some(found) = ready(&mut state) {
                return Ok(Some(found));
            }
            let over = until.is_some_and(|until| Instant::now() >= until);
            let callback = !(state.scheduled.is_empty() || schedule::busy() || over);
            let interrupt = state.interrupted && state.takes_interrupt();
            if self.is_first_thread() && (interrupt || state.reset.is_some() || callback) {
                continue;
            }
            match until {
                Some(_) if over => return Ok(None),
                Some(until) => drop(self.changed.wait_until(&mut state, until)),
                None => self.changed.wait(&mut state),
            }
        }
    }

    /// Puts bytes onto the console. They leave within [`OUTPUT_AGE`]; with [`OUTPUT_ROOM`] unsent, this waits.
    pub(crate) fn output(&self, vm: &VirtualMachine, bytes: &[u8]) -> PyResult<()> {
        for chunk in bytes.chunks(OUTPUT_ROOM) {
            let put = |state: &mut State| (state.out_bytes < OUTPUT_ROOM).then(|| self.put(state, chunk));
            if put(&mut self.state.lock()).is_none() {
                self.wait(vm, None, put)?;
            }
        }
        Ok(())
    }

    /// The same at the end of a run, where nothing can interrupt any more.
    pub(crate) fn last_words(&self, text: &str) {
        for chunk in text.as_bytes().chunks(OUTPUT_ROOM) {
            self.put(&mut self.state.lock(), chunk);
        }
    }

    fn put(&self, state: &mut State, bytes: &[u8]) {
        let before = state.out_bytes;
        match state.out.last_mut() {
            Some(FromBoard::Output(waiting)) if waiting.len() + bytes.len() <= OUTPUT_ROOM => {
                waiting.extend_from_slice(bytes);
            }
            _ => state.out.push(FromBoard::Output(bytes.to_vec())),
        }
        state.out_bytes += bytes.len();
        if before == 0 || (before < OUTPUT_CHUNK && state.out_bytes >= OUTPUT_CHUNK) {
            self.posted.notify_one();
        }
    }

    /// Tells the parent something other than output, in its place among the output.
    pub(crate) fn tell(&self, frame: FromBoard) {
        self.state.lock().out.push(frame);
        self.hurry();
    }

    /// The same of what the board's parts do: a program that does more than the parent takes waits for it.
    pub(crate) fn tell_event(&self, frame: FromBoard) {
        let mut state = self.state.lock();
        // Ctrl-C and resets come through; they are looked at before the next bytecode.
        while state.out.len() >= EVENTS && !state.interrupted && state.reset.is_none() {
            self.changed.wait(&mut state);
        }
        state.out.push(frame);
        drop(state);
        self.hurry();
    }

    /// Lets waiting output go now.
    pub(crate) fn hurry(&self) {
        let mut state = self.state.lock();
        if !state.out.is_empty() {
            state.hurry = true;
            self.posted.notify_one();
        }
    }
}

/// Has the interpreter look at what has come up before its next bytecode.
fn ring(doorbell: Option<&UserSignalSender>) {
    if let Some(doorbell) = doorbell {
        // An interpreter that is gone needs no waking.
        let _ = doorbell.send(Box::new(|vm| board().attend(vm)));
    }
}

/// The exception of Ctrl-C.
pub(crate) fn interrupted(vm: &VirtualMachine) -> PyBaseExceptionRef {
    vm.new_exception_empty(vm.ctx.exceptions.keyboard_interrupt.to_owned())
}
