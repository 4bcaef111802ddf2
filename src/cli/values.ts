/** Values as people write them on the command line and in files. Each parser returns undefined where it cannot read. */

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  K: 2 ** 10,
  KiB: 2 ** 10,
  M: 2 ** 20,
  MiB: 2 ** 20,
  G: 2 ** 30,
  GiB: 2 ** 30,
  T: 2 ** 40,
  TiB: 2 ** 40,
};

/** `500ms`, `30s`, `5m`, `1h`; a bare number is seconds. Milliseconds. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (!match) return undefined;
  const value = Math.round(Number(match[1]) * DURATION_UNITS[match[2] ?? 's']!);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** `4096`, `64MiB`, `64M`, `1GiB`, `1TiB` (units of 1024). Bytes. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text);
  const unit = match ? SIZE_UNITS[match[2]!] : undefined;
  if (!match || unit === undefined) return undefined;
  const value = Number(match[1]) * unit;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A decimal or 0x-hexadecimal integer from 0 to `limit`. */
export function parseInteger(text: string, limit = Number.MAX_SAFE_INTEGER): number | undefined {
  if (!/^(?:\d+|0x[0-9a-f]+)$/i.test(text)) return undefined;
  const value = Number(text);
  return value <= limit ? value : undefined;
}

/** The largest LUN that flat space addressing can name (SAM). */
export const LUN_LIMIT = 16_383;

export function parseLun(text: string): number | undefined {
  return parseInteger(text, LUN_LIMIT);
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]!}`;
}

export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 120_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  if (milliseconds < 7_200_000) return `${Math.round(milliseconds / 60_000)} min`;
  return `${(milliseconds / 3_600_000).toFixed(1)} h`;
}

/** Bytes in the largest unit that divides them: what `parseSize` reads back to the same number. */
export function formatSize(bytes: number): string {
  const units = ['TiB', 'GiB', 'MiB', 'KiB'].map((name) => ({ name, size: SIZE_UNITS[name]! }));
  const unit = units.find(({ size }) => bytes >= size && bytes % size === 0);
  return unit === undefined ? String(bytes) : `${bytes / unit.size}${unit.name}`;
}

/** `host:port` that a session can be opened to, IPv6 addresses in brackets. */
export function isPortal(text: string): boolean {
  const match = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[1]);
  return port >= 1 && port <= 65_535;
}

/** The path of a target, an IPv6 address in brackets. */
export function targetUrl(host: string, port: number, targetName: string): string {
  return `iscsi://${host.includes(':') ? `[${host}]` : host}:${port}/${targetName}`;
}
