// Requests to the server, and their errors as the server words them. What can be asked is in `model`.

import type { Answer, Command, FlashFile, Found, Frames, Hello, Look, Netstat, Rec, RecordPage, RunDetail, RunInfo } from "./model";

/** Why something was not done: `text` is one line in the reader's language. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    readonly text: string,
    readonly status: number,
  ) {
    super(text);
  }
}

/** Whether it says that this page has no session any more: the server was started anew. */
export function isLockedOut(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

/** No answer came, or not all of it: the message is the browser's, in its own language. */
export class NoAnswer extends Error {}

/** Tells what the browser has against the connection from what is wrong with the page. */
async function heard<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    throw error instanceof TypeError ? new NoAnswer(error.message) : error;
  });
}

let language = "";

/** The language of errors from now on. */
export function speak(lang: string): void {
  language = lang;
}

/** Throws unless the answer is a good one. */
async function checked(response: Response): Promise<Response> {
  if (response.ok) return response;
  const body: unknown = await response.json().catch(() => null);
  const error = (body as { error?: { code?: string; text?: string } } | null)?.error;
  throw new ApiError(error?.code ?? "", error?.text ?? `${response.status} ${response.statusText}`, response.status);
}

/** A request; throws an [`ApiError`] unless the answer is a good one. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (language) headers.set("Accept-Language", language);
  return checked(await heard(fetch(path, { ...init, headers, credentials: "same-origin" })));
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await request(path, signal ? { signal } : {});
  return (await response.json()) as T;
}

function json(method: string, body: unknown): RequestInit {
  return { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

/** Query parameters; what is undefined or empty is left out. */
export function query(values: Record<string, string | number | boolean | undefined>): string {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(entries.map(([key, value]) => [key, String(value)])).toString();
  return text ? `?${text}` : "";
}

/** Which records of a run are wanted. */
export interface Window {
  from?: number | undefined;
  limit?: number;
  dir?: "forward" | "back";
  peer?: string | undefined;
  endpoint?: string | undefined;
  kinds?: string | undefined;
}

/** What is searched for. */
export interface Wanted {
  text?: string | undefined;
  hex?: string | undefined;
  regex?: string | undefined;
  from?: number | undefined;
  peer?: string | undefined;
  endpoint?: string | undefined;
  encoding?: string | undefined;
  limit?: number | undefined;
}

const run = (name: string) => `/api/runs/${encodeURIComponent(name)}`;
const board = (id: string) => `/api/boards/${encodeURIComponent(id)}`;

export const api = {
  hello: () => get<Hello>("/api/hello"),
  command: async (command: Command): Promise<Answer> =>
    (await (await request("/api/command", json("POST", command))).json()) as Answer,
  runs: () => get<{ runs: RunInfo[] }>("/api/runs"),
  removeRun: (name: string) => request(run(name), json("DELETE", {})),
  records: (name: string, window: Window, signal?: AbortSignal) =>
    get<RecordPage>(`${run(name)}/records${query({ ...window })}`, signal),
  record: (name: string, seq: number) => get<Rec>(`${run(name)}/records/${seq}`),
  stat: (name: string) => get<RunDetail>(`${run(name)}/stat`),
  exportUrl: (name: string, as: string, of: { peer?: string | undefined; encoding?: string | undefined } = {}) => `${run(name)}/export${query({ as, ...of })}`,
  look: async (profile: string, source: string, signal?: AbortSignal): Promise<Look> =>
    (await (await request("/api/look", { ...json("POST", { profile, source }), ...(signal ? { signal } : {}) })).json()) as Look,
  flash: (id: string) => get<{ files: FlashFile[] }>(`${board(id)}/flash`),
  flashFile: (id: string, path: string) => request(`${board(id)}/flash/${encodePath(path)}`),
  putFlash: (id: string, path: string, body: Blob | string) =>
    request(`${board(id)}/flash/${encodePath(path)}`, { method: "PUT", headers: { "Content-Type": "application/octet-stream" }, body }),
  removeFlash: (id: string, path: string) => request(`${board(id)}/flash/${encodePath(path)}`, json("DELETE", {})),
  obstacles: (port: string) => get<{ obstacles: string[] }>(`/api/reach${query({ port })}`),
  netstat: () => get<Netstat>("/api/lan/netstat"),
  frames: (from: number) => get<Frames>(`/api/lan/frames${query({ from })}`),
};

function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** Searches a run; gives each hit as it is found, and at the end a summary. Aborting stops the server. */
export async function* search(name: string, wanted: Wanted, signal: AbortSignal): AsyncGenerator<Found> {
  const response = await request(`${run(name)}/search${query({ ...wanted })}`, { signal });
  if (!response.body) return;
  const lines = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await heard(lines.read());
    if (done) break;
    const parts = (rest + value).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) if (line) yield JSON.parse(line) as Found;
  }
  if (rest.trim()) yield JSON.parse(rest) as Found;
}

/** The address of a WebSocket of this server. */
export function socketUrl(path: string): string {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
