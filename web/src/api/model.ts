// The words of the server's answers, by the names that the page uses.

export type EndpointState = "open" | "connecting" | "waiting" | "closed";

export interface Endpoint {
  id: string;
  url: string;
  scheme: string;
  state: EndpointState;
  last_end: "good" | "reset" | "failed";
  refused: number;
  dropped: number;
  echo: boolean;
  encoding: string;
}

export interface Peer {
  id: string;
  endpoint: string;
  name?: string;
  address: string;
  local: string;
  since: number;
  last_seen: number;
  received: number;
  sent: number;
  records: number;
  waiting: number;
  encoding: string;
  rtt_us?: number;
  retransmits?: number;
}

export interface Log {
  run: string;
  first: number;
  next: number;
  bytes: number;
}

export interface Totals {
  received: number;
  sent: number;
  received_records: number;
  sent_records: number;
}

export interface Warning {
  line: number;
  column?: number;
  text: string;
}

export interface Pin {
  pin: number;
  mode?: string;
  level?: boolean;
  duty?: number;
}

export interface Board {
  id: string;
  name: string;
  profile: string;
  state: string;
  program?: string;
  address?: string;
  led?: boolean;
  pins: Pin[];
  warnings: Warning[];
}

export interface Counts {
  frames: number;
  bytes: number;
  delivered: number;
}

export interface Link {
  board: string;
  mac: string;
  medium: string;
  attached: boolean;
  address?: string;
  up: string;
  down: string;
  counts: [Counts, Counts];
}

export interface Connection {
  board: string;
  local: string;
  remote: string;
  state: string;
  rtt_us?: number;
  window?: number;
  retransmits: number;
}

export interface Lan {
  address: string;
  access_points: { ssid: string; gone: boolean }[];
  links: Link[];
  connections: Connection[];
}

export interface Job {
  id: string;
  what: { kind: "repeat"; every_ms: number } | { kind: "file"; name: string };
  to: string;
  done: number;
  total?: number;
  turns: number;
  since: number;
}

export interface Notice {
  number: number;
  en: string;
  zh: string;
}

export interface State {
  endpoints: Endpoint[];
  peers: Peer[];
  log: Log;
  totals: Totals;
  boards: Board[];
  lan: Lan | null;
  jobs: Job[];
  notices: Notice[];
}

export interface Snapshot {
  type: "snapshot";
  n: number;
  state: State;
}

export interface Change {
  type: "change";
  n: number;
  endpoints?: Endpoint[];
  peers?: Peer[];
  peers_gone?: string[];
  log?: Log;
  totals?: Totals;
  boards?: Board[];
  boards_gone?: string[];
  lan?: Lan;
  jobs?: Job[];
  jobs_gone?: string[];
  notices?: Notice[];
}

export interface Rec {
  seq: number;
  at: number;
  endpoint: string;
  peer?: string;
  address: string;
  kind: string;
  bytes: number;
  data?: string;
  cut?: boolean;
  datagram?: boolean;
  text?: string;
}

export interface RecordPage {
  first: number;
  last: number;
  records: Rec[];
  next?: number;
  complete: boolean;
}

export interface RunInfo {
  run: string;
  began: number;
  ended?: number;
  live: boolean;
  records: number;
  bytes: number;
}

export interface Look {
  warnings: Warning[];
}

export interface FlashFile {
  path: string;
  bytes: number;
}

export interface Frame {
  n: number;
  at: number;
  board: string;
  direction: string;
  verdict: string;
  protocol: string;
  from: string;
  to: string;
  flags?: string;
  seq?: number;
  ack?: number;
  length: number;
  window?: number;
  retransmission: boolean;
  summary: string;
}

export interface FramePage {
  next: number;
  frames: Frame[];
}

export interface Example {
  id: string;
  title: string;
  title_zh: string;
  profile: string;
  source: string;
}

export interface Hello {
  program: string;
  lang: string;
  platform: string;
  run: string;
  addresses: { interface: string; address: string; reach: string }[];
  lan: { network: string; computer: string; gateway: string };
  profiles: { name: string; machine: string; has_wifi: boolean; pins: [number, number] }[];
  encodings: string[];
  presets: string[];
  formats: string[];
  examples: Example[];
}

export type Targets = "all" | { endpoint: string } | { peers: string[] };
export type Payload = { text: string; encoding?: string } | { hex: string } | { base64: string } | { escaped: string };

export type Command = { do: string } & Record<string, unknown>;
export interface PeerOutcome {
  peer: string;
  outcome: "queued" | "full" | "gone";
  waiting?: number;
}

export type Reply = (
  | { reply: "opened"; endpoint: string; url: string }
  | { reply: "outcomes"; outcomes: PeerOutcome[] }
  | { reply: "peers"; peers: string[] }
  | { reply: "job"; job: string }
  | { reply: "board"; board: string; name: string }
  | { reply: "forwarded"; at: string }
  | { reply: "done" }
) & { as_command?: string };
