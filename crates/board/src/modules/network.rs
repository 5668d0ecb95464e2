//! The module `network`: `WLAN` in the firmware's dialect. The joining is played (`net::Station`); addresses are those
//! of the host's network.

pub(crate) use network::module_def;

use rustpython_vm::pymodule;

use crate::net::Link;
use crate::profile::Wifi;

/// What `status()` says.
fn status_number(wifi: Wifi, link: Link) -> i32 {
    match (wifi, link) {
        (Wifi::Cyw43, Link::Idle) => 0,
        (Wifi::Cyw43, Link::Joining) => 1,
        (Wifi::Cyw43, Link::Up) => 3,
        (Wifi::Cyw43, Link::NoSuchNetwork) => -2,
        (Wifi::Cyw43, Link::WrongKey) => -3,
        (Wifi::Cyw43, Link::Refused) => -1,
        (_, Link::Idle) => 1000,
        (_, Link::Joining) => 1001,
        (_, Link::Up) => 1010,
        (_, Link::NoSuchNetwork) => 201,
        (_, Link::WrongKey) => 202,
        (_, Link::Refused) => 203,
    }
}

/// The module's constants.
fn constants(wifi: Wifi) -> &'static [(&'static str, i32)] {
    match wifi {
        Wifi::Esp32 => &[
            ("STA_IF", 0),
            ("AP_IF", 1),
            ("MODE_11B", 1),
            ("MODE_11G", 2),
            ("MODE_11N", 4),
            ("AUTH_OPEN", 0),
            ("AUTH_WEP", 1),
            ("AUTH_WPA_PSK", 2),
            ("AUTH_WPA2_PSK", 3),
            ("AUTH_WPA_WPA2_PSK", 4),
            ("AUTH_WPA2_ENTERPRISE", 5),
            ("AUTH_WPA3_PSK", 6),
            ("AUTH_WPA2_WPA3_PSK", 7),
            ("STAT_IDLE", 1000),
            ("STAT_CONNECTING", 1001),
            ("STAT_GOT_IP", 1010),
            ("STAT_BEACON_TIMEOUT", 200),
            ("STAT_NO_AP_FOUND", 201),
            ("STAT_WRONG_PASSWORD", 202),
            ("STAT_ASSOC_FAIL", 203),
            ("STAT_CONNECT_FAIL", 203),
            ("STAT_HANDSHAKE_TIMEOUT", 204),
        ],
        Wifi::Cyw43 => &[
            ("STA_IF", 0),
            ("AP_IF", 1),
            ("STAT_IDLE", 0),
            ("STAT_CONNECTING", 1),
            ("STAT_WRONG_PASSWORD", -3),
            ("STAT_NO_AP_FOUND", -2),
            ("STAT_CONNECT_FAIL", -1),
            ("STAT_GOT_IP", 3),
        ],
        Wifi::Waffle => &[("STA_IF", 0), ("AP_IF", 1), ("AUTH_OPEN", 0), ("AUTH_WEP", 1), ("AUTH_PSK", 2)],
        Wifi::K230 => &[("STA_IF", 0), ("AP_IF", 1)],
    }
}

/// The constants of the class.
fn class_constants(wifi: Wifi) -> &'static [(&'static str, i32)] {
    match wifi {
        Wifi::Esp32 => &[
            ("IF_STA", 0),
            ("IF_AP", 1),
            ("SEC_OPEN", 0),
            ("SEC_WEP", 1),
            ("SEC_WPA", 2),
            ("SEC_WPA2", 3),
            ("SEC_WPA_WPA2", 4),
            ("SEC_WPA3", 6),
            ("SEC_WPA2_WPA3", 7),
            ("PM_NONE", 0),
            ("PM_PERFORMANCE", 1),
            ("PM_POWERSAVE", 2),
        ],
        Wifi::Cyw43 => &[
            ("IF_STA", 0),
            ("IF_AP", 1),
            ("SEC_OPEN", 0),
            ("SEC_WPA_WPA2", 0x0040_0006),
            ("SEC_WPA3", 0x0100_0004),
            ("PM_NONE", 16),
            ("PM_PERFORMANCE", 0xa1_1142),
            ("PM_POWERSAVE", 0xa1_1c82),
        ],
        Wifi::Waffle | Wifi::K230 => &[],
    }
}

/// The name that a board has in its network.
fn default_hostname(wifi: Wifi) -> &'static str {
    match wifi {
        Wifi::Esp32 => "mpy-esp32",
        Wifi::Cyw43 => "PicoW",
        Wifi::K230 => "canmv k230",
        Wifi::Waffle => "waffle",
    }
}

#[pymodule]
mod network {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;
    use std::time::{Duration, Instant};

    use parking_lot::Mutex;
    use rustpython_vm::builtins::{PyBaseExceptionRef, PyInt, PyModule, PyStr, PyStrRef, PyType};
    use rustpython_vm::class::PyClassImpl;
    use rustpython_vm::function::{FuncArgs, KwArgs, OptionalArg};
    use rustpython_vm::types::{Constructor, Representable};
    use rustpython_vm::{Py, PyObjectRef, PyPayload, PyResult, VirtualMachine, pyclass};

    use super::{class_constants, constants, default_hostname, status_number};
    use crate::board::board;
    use crate::link::{Seen, Serving};
    use crate::net::{Link, Station, is_key};
    use crate::profile::Wifi;

    /// The address that the firmware gives its own access point.
    const SERVING: [Ipv4Addr; 4] = {
        let own = Ipv4Addr::new(192, 168, 4, 1);
        [own, Ipv4Addr::new(255, 255, 255, 0), own, Ipv4Addr::UNSPECIFIED]
    };

    /// What its access point is called unless the program says otherwise.
    const OWN_NAME: &str = "ESP_000002";

    /// How long the K230's `connect` waits (`RT_WLAN_CONNECT_WAIT_MS`).
    const CONNECT_WAIT: Duration = Duration::from_secs(10);

    /// A station that is in no network.
    const NOWHERE: [&str; 4] = ["0.0.0.0"; 4];

    static HOSTNAME: Mutex<Option<String>> = Mutex::new(None);
    static COUNTRY: Mutex<String> = Mutex::new(String::new());

    /// What `config` was told, of the station and of the access point.
    static SETTINGS: Mutex<[BTreeMap<String, PyObjectRef>; 2]> = Mutex::new([BTreeMap::new(), BTreeMap::new()]);

    /// What `ifconfig` was told.
    static FIXED: Mutex<[Option<[String; 4]>; 2]> = Mutex::new([None, None]);

    pub(crate) fn module_exec(vm: &VirtualMachine, module: &Py<PyModule>) -> PyResult<()> {
        __module_exec(vm, module);
        let Some(wifi) = board().profile.wifi else { return Ok(()) };
        let class = Wlan::make_static_type();
        if wifi == Wifi::K230 {
            Info::make_static_type();
        } else {
            for name in ["info", "stop"] {
                class.attributes.write().shift_remove(vm.ctx.intern_str(name));
            }
        }
        for (name, value) in class_constants(wifi) {
            class.set_attr(vm.ctx.intern_str(*name), vm.ctx.new_int(*value).into());
        }
        for (name, value) in constants(wifi) {
            module.set_attr(&*vm.ctx.new_str(*name), vm.ctx.new_int(*value), vm)?;
        }
        module.set_attr("WLAN", class, vm)
    }

    fn wifi() -> Wifi {
        board().profile.wifi.unwrap_or(Wifi::Esp32)
    }

    /// `hostname()`, `hostname(name)`.
    #[pyfunction]
    fn hostname(name: OptionalArg<PyStrRef>) -> String {
        if let OptionalArg::Present(name) = name {
            *HOSTNAME.lock() = Some(name.to_string_lossy().into_owned());
        }
        HOSTNAME.lock().clone().unwrap_or_else(|| default_hostname(wifi()).to_owned())
    }

    /// `country()`, `country(code)`.
    #[pyfunction]
    fn country(code: OptionalArg<PyStrRef>) -> String {
        if let OptionalArg::Present(code) = code {
            *COUNTRY.lock() = code.to_string_lossy().into_owned();
        }
        let code = COUNTRY.lock().clone();
        if code.is_empty() { "XX".to_owned() } else { code }
    }

    /// An OSError with a text, as the ESP32's Wi-Fi raises it.
    fn wifi_error(vm: &VirtualMachine, text: &str) -> PyBaseExceptionRef {
        let text = vm.ctx.new_str(text).into();
        vm.invoke_exception(vm.ctx.exceptions.os_error.to_owned(), vec![text]).unwrap_or_else(|raised| raised)
    }

    fn station<R>(look: impl FnOnce(&mut Station) -> R) -> R {
        board().network.station(look)
    }

    /// One of the two interfaces. Two objects for one interface are the same to a program.
    #[pyattr]
    #[pyclass(module = "builtins", name = "WLAN")]
    #[derive(Debug, PyPayload)]
    struct Wlan {
        serves: bool,
    }

    impl Constructor for Wlan {
        type Args = (OptionalArg<i32>,);

        fn py_new(_class: &Py<PyType>, (interface,): Self::Args, vm: &VirtualMachine) -> PyResult<Wlan> {
            match interface.unwrap_or(0) {
                0 => Ok(Wlan { serves: false }),
                1 => Ok(Wlan { serves: true }),
                _ => Err(vm.new_value_error("invalid WLAN interface identifier")),
            }
        }
    }

    #[pyclass(with(Constructor))]
    impl Wlan {
        #[pymethod]
        fn active(&self, on: OptionalArg, vm: &VirtualMachine) -> PyResult {
            let k230 = wifi() == Wifi::K230;
            if let OptionalArg::Present(on) = on {
                if k230 {
                    board().output(vm, b"network is always active\r\n")?;
                    return Ok(vm.ctx.none());
                }
                let on = on.try_to_bool(vm)?;
                match (self.serves, on) {
                    (true, _) => self.serve(on),
                    (false, true) => station(|station| station.active = true),
                    (false, false) => {
                        station(|station| station.active = false);
                        board().network.leave();
                    }
                }
            }
            let active = station(|station| if self.serves { station.serving } else { station.active });
            Ok(vm.ctx.new_bool(active || k230).into())
        }

        /// Joins, in the background but on the K230.
        #[pymethod]
        fn connect(&self, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
            self.check_keywords(&args, vm)?;
            let text = |place: usize, name: &str| match args.args.get(place).or_else(|| args.kwargs.get(name)) {
                Some(given) if !vm.is_none(given) => {
                    given.str(vm).map(|text| Some(text.to_string_lossy().into_owned()))
                }
                _ => Ok(None),
            };
            let (ssid, key) = (text(0, "ssid")?, text(1, "key")?);
            if wifi() == Wifi::Esp32 {
                let (active, link) = station(|station| (station.active, station.link()));
                match link {
                    _ if !active => return Err(wifi_error(vm, "Wifi Not Started")),
                    Link::Joining => return Err(wifi_error(vm, "Wifi Internal State Error")),
                    _ => {}
                }
            }
            if wifi() == Wifi::K230 && !is_key(key.as_deref().unwrap_or_default()) {
                return Err(wifi_error(vm, "the key has at least 8 characters"));
            }
            board().network.join(ssid.map(|ssid| (ssid, key.unwrap_or_default())));
            match board().profile.quirks.wlan_connect_blocks {
                true => self.await_link(vm),
                false => Ok(vm.ctx.none()),
            }
        }

        fn check_keywords(&self, args: &FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
            let security = board().profile.quirks.wlan_security;
            let known = |name: &str| {
                matches!(name, "ssid" | "key" | "bssid") || security && matches!(name, "security" | "auth" | "channel")
            };
            match args.kwargs.keys().all(|name| known(name)) {
                true => Ok(()),
                false => Err(vm.new_type_error("extra keyword arguments given")),
            }
        }

        /// Waits for the joining to end, as long as the firmware does, and says whether it worked.
        fn await_link(&self, vm: &VirtualMachine) -> PyResult {
            board().network.await_joined(vm, Instant::now().checked_add(CONNECT_WAIT))?;
            let up = station(|station| station.link() == Link::Up);
            if !up {
                board().output(vm, b"run connect failed.\r\n")?;
            }
            Ok(vm.ctx.new_bool(up).into())
        }

        #[pymethod]
        fn disconnect(&self) {
            board().network.leave();
        }

        #[pymethod]
        fn isconnected(&self, vm: &VirtualMachine) -> PyResult<bool> {
            match self.serves {
                true if wifi() == Wifi::K230 => Err(wifi_error(vm, "an access point is not connected")),
                true => Ok(station(|station| !station.stations.is_empty())),
                false => Ok(station(|station| station.link() == Link::Up)),
            }
        }

        #[pymethod]
        fn status(&self, what: OptionalArg<PyStrRef>, vm: &VirtualMachine) -> PyResult {
            let Some(what) = what.into_option() else {
                return match (self.serves, wifi()) {
                    (_, Wifi::K230) => Ok(vm.ctx.new_bool(self.isconnected(vm)?).into()),
                    (true, Wifi::Esp32) => Ok(vm.ctx.none()),
                    _ => Ok(vm.ctx.new_int(status_number(wifi(), station(|station| station.link()))).into()),
                };
            };
            match &*what.to_string_lossy() {
                "rssi" if !self.serves => Ok(vm.ctx.new_int(-50).into()),
                "stations" if self.serves => {
                    let line = |mac: &[u8; 6]| vm.ctx.new_tuple(vec![vm.ctx.new_bytes(mac.to_vec()).into()]).into();
                    let stations = station(|station| station.stations.clone());
                    Ok(vm.ctx.new_list(stations.iter().map(line).collect()).into())
                }
                _ => Err(vm.new_value_error("unknown status param")),
            }
        }

        /// `(address, mask, gateway, name server)`; with an argument it is set, or left to DHCP.
        #[pymethod]
        fn ifconfig(&self, set: OptionalArg, vm: &VirtualMachine) -> PyResult {
            let place = usize::from(self.serves);
            if let OptionalArg::Present(set) = set {
                let fixed = match set.downcast_ref::<PyStr>() {
                    Some(_) => None,
                    None => {
                        let four: Vec<PyObjectRef> = set.try_to_value(vm)?;
                        let four = four.iter().map(|one| Ok(one.str(vm)?.to_string_lossy().into_owned()));
                        let four: Vec<String> = four.collect::<PyResult<_>>()?;
                        let four = <[String; 4]>::try_from(four);
                        Some(four.map_err(|_| vm.new_value_error("requested length 4"))?)
                    }
                };
                FIXED.lock()[place] = fixed;
                match self.serves {
                    false => board().network.fix(self.fixed()),
                    true if station(|station| station.serving) => self.serve(true),
                    true => {}
                }
                let k230 = wifi() == Wifi::K230;
                return Ok(if k230 { vm.ctx.new_bool(true).into() } else { vm.ctx.none() });
            }
            let four = self.addresses().map(|text| vm.ctx.new_str(text).into());
            Ok(vm.ctx.new_tuple(four.to_vec()).into())
        }

        /// `ipconfig('addr4')` and its like.
        #[pymethod]
        fn ipconfig(&self, what: OptionalArg<PyStrRef>, _set: KwArgs, vm: &VirtualMachine) -> PyResult {
            let Some(what) = what.into_option() else { return Ok(vm.ctx.none()) };
            let [address, mask, gateway, _] = self.addresses();
            let fixed = FIXED.lock()[usize::from(self.serves)].is_some();
            let pair = || vec![vm.ctx.new_str(address).into(), vm.ctx.new_str(mask).into()];
            match &*what.to_string_lossy() {
                "addr4" => Ok(vm.ctx.new_tuple(pair()).into()),
                "gw4" => Ok(vm.ctx.new_str(gateway).into()),
                "dhcp4" => Ok(vm.ctx.new_bool(!fixed).into()),
                "has_dhcp4" => Ok(vm.ctx.new_bool(!fixed && station(|station| station.is_up())).into()),
                _ => Err(vm.new_value_error("unknown config param")),
            }
        }

        /// What `ifconfig` was told, if it is addresses.
        fn fixed(&self) -> Option<[Ipv4Addr; 4]> {
            let four = FIXED.lock()[usize::from(self.serves)].clone()?;
            let four: Result<Vec<Ipv4Addr>, _> = four.iter().map(|one| one.parse()).collect();
            <[Ipv4Addr; 4]>::try_from(four.ok()?).ok()
        }

        fn addresses(&self) -> [String; 4] {
            let fixed = FIXED.lock()[usize::from(self.serves)].clone();
            if let Some(fixed) = fixed {
                return fixed;
            }
            if self.serves {
                return SERVING.map(|address| address.to_string());
            }
            if !station(|station| station.link() == Link::Up) {
                return NOWHERE.map(str::to_owned);
            }
            board().network.addresses().map(|address| address.to_string())
        }

        /// `(ssid, bssid, channel, rssi, security, hidden)` each; on the K230 an object with these.
        #[pymethod]
        fn scan(&self, vm: &VirtualMachine) -> PyResult<Vec<PyObjectRef>> {
            if wifi() == Wifi::Esp32 && !station(|station| station.active) {
                return Err(wifi_error(vm, "STA must be active"));
            }
            let found = board().network.scan(vm)?;
            let line = |seen: Seen| {
                if wifi() == Wifi::K230 {
                    return Info { seen, hidden: false }.into_pyobject(vm);
                }
                let bytes = |bytes: &[u8]| PyObjectRef::from(vm.ctx.new_bytes(bytes.to_vec()));
                let mut fields = vec![bytes(seen.ssid.as_bytes()), bytes(&seen.bssid)];
                let numbers = [i32::from(seen.channel), seen.rssi.into(), if seen.secured { 3 } else { 0 }];
                fields.extend(numbers.map(|number| vm.ctx.new_int(number).into()));
                fields.push(vm.ctx.new_bool(false).into());
                vm.ctx.new_tuple(fields).into()
            };
            Ok(found.into_iter().map(line).collect())
        }

        /// `config(key)` reads, `config(key=value)` sets. Waffle's without either is the address.
        #[pymethod]
        fn config(&self, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
            match (&args.args[..], args.kwargs.is_empty()) {
                ([], true) if wifi() == Wifi::Waffle => {
                    let [address, ..] = self.addresses();
                    Ok(vm.ctx.new_str(address).into())
                }
                ([key], true) => self.setting(&key.str(vm)?.to_string_lossy(), vm),
                ([], false) => {
                    for (name, value) in args.kwargs {
                        self.set(name, value, vm)?;
                    }
                    // The K230's begins when it has a name.
                    if self.serves && (wifi() == Wifi::K230 || station(|station| station.serving)) {
                        self.serve(true);
                    }
                    Ok(vm.ctx.none())
                }
                _ => Err(vm.new_type_error("either pos or kw args are allowed")),
            }
        }

        /// The K230's access point, as a scan of another board would show it.
        #[pymethod]
        fn info(&self, vm: &VirtualMachine) -> PyResult {
            if !self.serves {
                return Err(wifi_error(vm, "only an access point has it"));
            }
            let serving = Wlan::serving();
            let (bssid, secured) = (board().network.own_mac(), serving.key.is_some());
            let seen = Seen { ssid: serving.ssid, bssid, channel: serving.channel, rssi: 0, secured };
            Ok(Info { seen, hidden: false }.into_pyobject(vm))
        }

        /// Ends the K230's access point.
        #[pymethod]
        fn stop(&self, vm: &VirtualMachine) -> PyResult<bool> {
            if !self.serves {
                return Err(wifi_error(vm, "only an access point has it"));
            }
            self.serve(false);
            Ok(true)
        }

        fn set(&self, name: String, value: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
            let name = canonical(&name).ok_or_else(|| vm.new_value_error("unknown config param"))?;
            if name == "key" && !is_key(&value.str(vm)?.to_string_lossy()) {
                return Err(wifi_error(vm, "Wifi Invalid Password"));
            }
            if name == "hostname" {
                *HOSTNAME.lock() = Some(value.str(vm)?.to_string_lossy().into_owned());
            }
            drop(SETTINGS.lock()[usize::from(self.serves)].insert(name.to_owned(), value));
            Ok(())
        }

        /// Opens the access point as `config` has described it, or ends it.
        fn serve(&self, on: bool) {
            let serving = on.then(Wlan::serving);
            board().network.serve(serving.map(|serving| (serving, self.fixed().unwrap_or(SERVING))));
        }

        fn serving() -> Serving {
            let text = |name: &str| {
                let value = SETTINGS.lock()[1].get(name).cloned()?;
                Some(value.downcast_ref::<PyStr>()?.to_string_lossy().into_owned())
            };
            let number = |name: &str| SETTINGS.lock()[1].get(name).cloned();
            let channel =
                number("channel").and_then(|value| value.downcast_ref::<PyInt>()?.as_u32_mask().try_into().ok());
            Serving {
                ssid: text("ssid").unwrap_or_else(|| OWN_NAME.to_owned()),
                key: text("key").filter(|key| !key.is_empty()),
                channel: channel.unwrap_or(6),
            }
        }

        fn setting(&self, name: &str, vm: &VirtualMachine) -> PyResult {
            let unknown = || vm.new_value_error("unknown config param");
            let name = canonical(name).filter(|name| *name != "key").ok_or_else(unknown)?;
            let set = SETTINGS.lock()[usize::from(self.serves)].get(name).cloned();
            if let Some(set) = set {
                return Ok(set);
            }
            let int = |number: i32| Ok(vm.ctx.new_int(number).into());
            match name {
                "mac" if self.serves => Ok(vm.ctx.new_bytes(board().network.own_mac().to_vec()).into()),
                "mac" => Ok(vm.ctx.new_bytes(board().network.mac().to_vec()).into()),
                "ssid" if self.serves => Ok(vm.ctx.new_str(OWN_NAME).into()),
                "ssid" => Ok(vm.ctx.new_str(station(|station| station.ssid().to_owned())).into()),
                "hostname" => Ok(vm.ctx.new_str(hostname(OptionalArg::Missing)).into()),
                "ifname" => Ok(vm.ctx.new_str(if self.serves { "ap2" } else { "st1" }).into()),
                "hidden" => Ok(vm.ctx.new_bool(false).into()),
                "channel" => int(station(|station| station.channel).into()),
                "max_clients" => int(4),
                "reconnects" => int(-1),
                "txpower" => int(20),
                "protocol" => int(7),
                "pm" => int(1),
                _ => int(0),
            }
        }
    }

    /// What the K230 says of an access point.
    #[pyclass(no_attr, module = "network", name = "rt_wlan_info")]
    #[derive(Debug, PyPayload)]
    struct Info {
        seen: Seen,
        hidden: bool,
    }

    #[pyclass(with(Representable))]
    impl Info {
        #[pygetset]
        fn ssid(&self) -> String {
            self.seen.ssid.clone()
        }

        #[pygetset]
        fn bssid(&self) -> Vec<u8> {
            self.seen.bssid.to_vec()
        }

        #[pygetset]
        fn channel(&self) -> u8 {
            self.seen.channel
        }

        #[pygetset]
        fn rssi(&self) -> i8 {
            self.seen.rssi
        }

        #[pygetset]
        fn security(&self) -> &'static str {
            if self.seen.secured { "SECURITY_WPA2_AES_PSK" } else { "SECURITY_OPEN" }
        }

        #[pygetset]
        fn band(&self) -> &'static str {
            "2.4G"
        }

        #[pygetset]
        fn hidden(&self) -> bool {
            self.hidden
        }
    }

    impl Representable for Info {
        fn repr_str(zelf: &Py<Self>, _vm: &VirtualMachine) -> PyResult<String> {
            let Seen { ssid, bssid, channel, rssi, .. } = &zelf.seen;
            let bssid = bssid.map(|byte| format!("{byte:02x}")).join(":");
            let (security, band, hidden) = (zelf.security(), zelf.band(), u8::from(zelf.hidden));
            Ok(format!(
                "{{\"ssid\":{ssid:?}, \"bssid\":\"{bssid}\", \"channel\":{channel}, \"rssi\":{rssi}, \
                 \"security\":\"{security}\", \"band\":\"{band}\", \"hidden\":{hidden}}}"
            ))
        }
    }

    /// One name for what has several; `None` for what is no setting.
    fn canonical(name: &str) -> Option<&'static str> {
        const NAMES: [&str; 14] = [
            "mac",
            "ssid",
            "hidden",
            "security",
            "key",
            "channel",
            "bandwidth",
            "hostname",
            "max_clients",
            "reconnects",
            "txpower",
            "protocol",
            "pm",
            "ifname",
        ];
        let name = match name {
            "essid" => "ssid",
            "authmode" => "security",
            "password" => "key",
            "dhcp_hostname" => "hostname",
            name => name,
        };
        NAMES.into_iter().find(|known| *known == name)
    }
}
