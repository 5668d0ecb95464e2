//! What is said about a program before it runs.

use socklab_board::Profile;
use socklab_board::look::look;

#[track_caller]
fn says(text: &str, what: &str) {
    let said: Vec<String> = look(text, Profile::named("esp32").unwrap()).iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|said| said.starts_with(what)), "{said:?} does not say {what:?} of\n{text}");
}

#[track_caller]
fn silent(text: &str) {
    let said = look(text, Profile::named("esp32").unwrap());
    assert!(said.is_empty(), "{said:?} is said of\n{text}");
}

const HEAD: &str = "import socket\ns = socket.socket()\ns.connect(('192.168.1.115', 10000))\n";

#[test]
fn what_a_loop_receives_again_is_bytes_in_every_round() {
    let program = |body: &str| format!("{HEAD}d = s.recv(5)\n{body}");
    says(&program("while d != '':\n    d = s.recv(5)\n"), "line 5: this compares bytes with the str ''");
    says(&program("while d != None:\n    print(d)\n    d = s.recv(5)\n"), "line 5: recv() never gives None");
    says(
        &program("while True:\n    if d == '':\n        break\n    d = s.recv(5)\n"),
        "line 6: this compares bytes with the str ''",
    );
    says(&program("for i in range(3):\n    d = s.recv(5)\nif d == '':\n    pass\n"), "line 7: this compares bytes");
    says(&format!("{HEAD}while (d := s.recv(5)) != '':\n    print(d)\n"), "line 4: this compares bytes");
    for good in [
        "while d != b'':\n    d = s.recv(5)\n",
        "while d != '':\n    d = s.recv(5).decode()\n",
        "while d != 'end':\n    d = s.recv(5)\n    d = d.decode()\n",
        "while d is not None:\n    if len(d) == 1:\n        d = None\n        continue\n    d = s.recv(5)\n",
        "for d in ['a', 'b']:\n    if d == 'a':\n        d = s.recv(5)\n",
        "if (d := 'a') == 'a':\n    pass\n",
    ] {
        silent(&program(good));
    }
}

#[test]
fn what_a_function_or_an_attribute_received_is_bytes_too() {
    says(
        &format!("{HEAD}def g():\n    return s.recv(5)\nif g() == '':\n    pass\n"),
        "line 6: this compares bytes with the str ''",
    );
    says(
        &format!("{HEAD}def g():\n    d = s.recv(5)\n    print(d)\n    return d\nd = g()\nif d == None:\n    pass\n"),
        "line 9: recv() never gives None",
    );
    let class = |body: &str| format!("{HEAD}class C:\n    def run(self):\n        self.d = s.recv(5)\n{body}");
    says(&class("        if self.d == '':\n            return\n"), "line 7: this compares bytes");
    says(
        &class("        print(self.d)\n        while self.d != '':\n            pass\n").replace("while", "if"),
        "line 8: this",
    );
    for good in [
        "        self.clean()\n        if self.d == '':\n            return\n    def clean(self):\n        self.d = ''\n",
        "        self.d = self.d.decode()\n        if self.d == '':\n            return\n",
        "        o = self\n        o.d = 'a'\n        if self.d == 'a':\n            return\n",
        "        self = C()\n        if self.d == 'a':\n            return\n",
    ] {
        silent(&class(good));
    }
    silent(&format!(
        "{HEAD}def g():\n    try:\n        return s.recv(5)\n    except OSError:\n        return None\nif g() == None:\n    pass\n"
    ));
}

#[test]
fn a_condition_without_a_value_is_found_wherever_it_comes_from() {
    let function = "def c():\n    print(1)\n";
    let always_false = "line 3: c() never returns a value, so this condition is always false";
    says(&format!("{function}r = c()\nif r:\n    pass\n"), &always_false.replace('3', "4"));
    says(&format!("{function}if c() == True:\n    pass\n"), always_false);
    says(&format!("{function}x = 1 if c() else 2\nprint(x)\n"), always_false);
    says(
        &format!("{function}while not c():\n    pass\n"),
        "line 3: c() never returns a value, so this condition is always true",
    );
    let class = "class W:\n    def conn(self):\n        print(1)\n    def run(self):\n        if self.conn():\n            print(2)\n";
    says(class, "line 5: self.conn() never returns a value");
    says(&format!("{class}w = W()\nif w.conn():\n    pass\n"), "line 8: w.conn() never returns a value");
    for good in [
        format!("{function}r = c()\nr = 1\nif r:\n    pass\n"),
        format!("{function}r = None\nfor i in range(2):\n    r = c()\n    r = i\nif r:\n    pass\n"),
        format!("{function}if c() is None:\n    pass\n"),
        format!("{class}class V(W):\n    def conn(self):\n        return True\n"),
        class.replace("print(1)", "pass"),
        format!("{class}w = W()\nw.conn = lambda: True\n"),
    ] {
        silent(&good);
    }
}
