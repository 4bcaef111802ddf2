/** Wrong secrets in a row that cost nothing; each further one is followed by a wait, twice as long as the one before. */
export const FREE_FAILURES = 8;
export const FIRST_WAIT_MS = 1000;
export const LAST_WAIT_MS = 16_000;
/** Whoever was quiet for so long begins anew. */
export const FORGOTTEN_AFTER_MS = 480_000;
/** Kept at the most, the latest. */
export const KEPT = 1024;

/**
 * How fast a CHAP secret can be guessed. Counted for one initiator name from one address: whoever guesses keeps that name
 * waiting where he is himself, and nobody at another address. Sessions that are there are not touched.
 */
export interface LoginPatience {
  /** Milliseconds until the next proof is looked at; 0: now. */
  waitMs(address: string, initiatorName: string, nowMs: number): number;
  failed(address: string, initiatorName: string, nowMs: number): void;
  proved(address: string, initiatorName: string): void;
}

interface Failures {
  readonly count: number;
  readonly atMs: number;
  readonly waitMs: number;
}

export function createLoginPatience(): LoginPatience {
  const known = new Map<string, Failures>();

  function recent(name: string, nowMs: number): Failures | undefined {
    const failures = known.get(name);
    return failures && nowMs - failures.atMs < FORGOTTEN_AFTER_MS ? failures : undefined;
  }

  return {
    waitMs(address, initiatorName, nowMs) {
      const failures = recent(nameOf(address, initiatorName), nowMs);
      return failures ? Math.max(0, failures.atMs + failures.waitMs - nowMs) : 0;
    },
    failed(address, initiatorName, nowMs) {
      const name = nameOf(address, initiatorName);
      const count = (recent(name, nowMs)?.count ?? 0) + 1;
      known.delete(name);
      known.set(name, { count, atMs: nowMs, waitMs: waitAfter(count) });
      const [oldest] = known.keys();
      if (known.size > KEPT && oldest !== undefined) known.delete(oldest);
    },
    proved(address, initiatorName) {
      known.delete(nameOf(address, initiatorName));
    },
  };
}

function waitAfter(count: number): number {
  return count < FREE_FAILURES ? 0 : Math.min(FIRST_WAIT_MS * 2 ** (count - FREE_FAILURES), LAST_WAIT_MS);
}

function nameOf(remoteAddress: string, initiatorName: string): string {
  return JSON.stringify([placeOf(remoteAddress), initiatorName]);
}

/** `HOST:PORT` without the port; of IPv6 the first 64 bits, since whoever has one such address has them all. */
function placeOf(remoteAddress: string): string {
  const host = remoteAddress.replace(/:\d+$/, '');
  const inside = /^\[([0-9a-f:.]+)/i.exec(host)?.[1];
  if (inside === undefined || inside.includes('.')) return host;
  const [before = '', after] = inside.split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = after === undefined || after === '' ? [] : after.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0');
  const groups = [...head, ...(after === undefined ? [] : zeros), ...tail];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16))
    .join(':');
}
