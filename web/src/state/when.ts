// Times of records: milliseconds since 1970 with three decimals, which a number holds exactly enough.

const two = (value: number) => String(value).padStart(2, "0");

/** `12:00:01.123456`, in this computer's zone. */
export function clock(at: number): string {
  const time = new Date(at);
  // A number near 1e12 is exact to 0.12 µs; beyond that what is over is cut, as exports cut it.
  const micros = Math.min(999, Math.floor((at - Math.floor(at)) * 1000 + 0.125));
  const millis = String(time.getMilliseconds()).padStart(3, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${millis}${String(micros).padStart(3, "0")}`;
}

/** `2026-11-21 12:00:01.123456`. */
export function dated(at: number): string {
  const time = new Date(at);
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock(at)}`;
}

/** `+0.001204`: seconds since another record; zero for the first. */
export function since(at: number, before: number | undefined): string {
  const seconds = before === undefined ? 0 : (at - before) / 1000;
  return `${seconds < 0 ? "" : "+"}${seconds.toFixed(6)}`;
}
