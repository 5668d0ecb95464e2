// Endpoints as the settings describe them, and as URLs.

import type { Endpoint } from "../../api/model";

export const PROTOCOLS = ["tcp-listen", "tcp", "udp", "multicast", "unix-listen", "unix", "unix-dgram"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** What the form asks for. */
export interface Draft {
  protocol: Protocol;
  /** A local address, `*` for all of them; for multicast, the interface. */
  local: string;
  localPort: string;
  remote: string;
  remotePort: string;
  path: string;
  /** Options as in a URL, without the question mark. */
  options: string;
}

/** What a protocol wants to know. */
export function asks(protocol: Protocol): { local: boolean; remote: boolean; path: boolean; group: boolean } {
  const path = protocol.startsWith("unix");
  const remote = protocol === "tcp";
  const group = protocol === "multicast";
  return { local: !path && !remote, remote, path, group };
}

/** IPv6 in brackets, unless it has them. */
function host(address: string): string {
  const text = address.trim();
  return text.includes(":") && !text.startsWith("[") ? `[${text}]` : text;
}

/** The endpoint's URL. What is wrong with it, the server says. */
export function url(draft: Draft): string {
  const options = draft.options.trim().replace(/^\?/, "");
  const withOptions = (base: string, more = "") => {
    const all = [more, options].filter(Boolean).join("&");
    return all ? `${base}?${all}` : base;
  };
  switch (draft.protocol) {
    case "tcp-listen":
      return withOptions(`tcp-listen://${host(draft.local)}:${draft.localPort.trim()}`);
    case "udp":
      return withOptions(`udp://${host(draft.local === "*" ? "0.0.0.0" : draft.local)}:${draft.localPort.trim()}`);
    case "multicast": {
      const join = draft.local === "*" ? "" : `join=${draft.local}`;
      return withOptions(`udp://${host(draft.remote)}:${draft.remotePort.trim()}`, join);
    }
    case "tcp":
      return withOptions(`tcp://${host(draft.remote)}:${draft.remotePort.trim()}`);
    default:
      return withOptions(`${draft.protocol}://${draft.path.trim()}`);
  }
}

/** The colour of its lamp. */
export function led(endpoint: Endpoint): string {
  if (endpoint.state === "open") return "on";
  if (endpoint.state !== "closed") return "busy";
  return endpoint.last_end === "good" ? "" : "bad";
}

/** The port in its URL, if it has one. */
export function portOf(text: string): string | undefined {
  return /:(\d+)(?:\?|$)/.exec(text)?.[1];
}

/** Whether who dials this address of the machine reaches the endpoint. One that names an interface (`fe80::1%eth0`) is
 *  written with the dialler's own, which nobody here knows: it is meant where the endpoint is bound to just that. */
export function isMeant(text: string, address: string): boolean {
  const bound = /^[\w-]+:\/\/(.*):\d+(?:\?|$)/.exec(text)?.[1];
  if (bound === host(address)) return true;
  return !address.includes("%") && (bound === "*" || bound === (address.includes(":") ? "[::]" : "0.0.0.0"));
}

/** What is dialled: `192.168.1.5:80`, `[fd00::5]:80`. */
export function place(address: string, port: string): string {
  return `${host(address)}:${port}`;
}

/** What can be dialled, each address once: this computer may have the one that it has on the boards' network. */
export function eachOnce(list: readonly { address: string; of: string }[]): { address: string; of: string }[] {
  const groups = Map.groupBy(list, ({ address }) => address);
  return [...groups].map(([address, same]) => ({ address, of: [...new Set(same.map(({ of }) => of))].join(", ") }));
}
