import type { Clock, Timer } from '../../base/clock.ts';
import type { AuditLog, NewEntry } from './audit-log.ts';

/** Refusals of one initiator that are told one by one; those behind them, within a second at first, are counted. */
export const TOLD_ONE_BY_ONE = 8;
export const FIRST_WINDOW_MS = 1000;
/** Whoever does not stop is counted for longer and longer. */
export const LAST_WINDOW_MS = 64_000;
/** Initiators that are counted for themselves; further ones together. */
const INITIATORS = 64;
const KINDS = 16;

/**
 * What refused commands put into the audit: a host that sends them without end must neither fill the disk nor push the records
 * of others out of it. That more are refused is durable before any of them is answered; how many, when the window ends.
 */
export interface RefusalRecords {
  /** Resolves when the audit tells of it; rejects where it cannot be written. */
  refused(entry: NewEntry): Promise<void>;
  /** Writes the counts of the windows that are open. */
  close(): Promise<void>;
}

interface Window {
  readonly who: Pick<NewEntry, 'initiator' | 'why'>;
  lengthMs: number;
  told: number;
  counted: number;
  kinds: Map<string, number>;
  announced: Promise<void> | undefined;
  timer: Timer | undefined;
}

export function createRefusalRecords(parts: {
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  readonly log: (text: string) => void;
}): RefusalRecords {
  const { audit, clock, log } = parts;
  const windows = new Map<string, Window>();

  function windowOf({ initiator = '' }: NewEntry): Window {
    const known = windows.get(initiator);
    if (known) return known;
    const name = windows.size < INITIATORS ? initiator : 'several';
    const shared = windows.get(name);
    if (shared) return shared;
    const window: Window = {
      who: name === '' ? {} : { initiator: name },
      lengthMs: FIRST_WINDOW_MS,
      told: 0,
      counted: 0,
      kinds: new Map(),
      announced: undefined,
      timer: undefined,
    };
    windows.set(name, window);
    run(name, window);
    return window;
  }

  function run(name: string, window: Window): void {
    window.timer = clock.setTimer(window.lengthMs, () => void endWindow(name, window), { background: true });
  }

  async function endWindow(name: string, window: Window): Promise<void> {
    if (window.counted === 0) {
      windows.delete(name);
      return;
    }
    await tellCount(window);
    window.lengthMs = Math.min(window.lengthMs * 2, LAST_WINDOW_MS);
    // Whoever goes on is told of once in each window.
    window.told = TOLD_ONE_BY_ONE - 1;
    run(name, window);
  }

  /** What could not be written is counted on. */
  async function tellCount(window: Window): Promise<void> {
    const { counted: count, kinds } = window;
    Object.assign(window, { counted: 0, kinds: new Map(), announced: undefined });
    try {
      await audit.append({ event: 'counted', ...window.who, count, why: wordsOf(count, kinds) });
    } catch (error) {
      log(`the audit lacks a count of refusals: ${String(error)}`);
      window.counted += count;
      for (const [kind, times] of kinds) window.kinds.set(kind, (window.kinds.get(kind) ?? 0) + times);
    }
  }

  /** A record that failed is tried again with the next refusal. */
  function announce(window: Window): Promise<void> {
    window.announced ??= audit
      .append({
        event: 'counting',
        ...window.who,
        why: `so many are refused: from here on they are counted for ${window.lengthMs / 1000} s`,
      })
      .catch((error: unknown) => {
        window.announced = undefined;
        throw error;
      });
    return window.announced;
  }

  return {
    refused(entry) {
      const window = windowOf(entry);
      if (window.told < TOLD_ONE_BY_ONE) {
        window.told += 1;
        return audit.append(entry);
      }
      window.counted += 1;
      const kind = `${entry.process ?? 'unknown'} ${entry.status ?? 'unknown'}`;
      const known = window.kinds.has(kind) || window.kinds.size < KINDS ? kind : 'others';
      window.kinds.set(known, (window.kinds.get(known) ?? 0) + 1);
      return announce(window);
    },
    async close() {
      for (const [name, window] of windows) {
        window.timer?.cancel();
        if (window.counted > 0) await tellCount(window);
        windows.delete(name);
      }
    },
  };
}

function wordsOf(count: number, kinds: ReadonlyMap<string, number>): string {
  const each = [...kinds].map(([kind, times]) => `${times} of ${kind}`);
  return `${count} more ${count === 1 ? 'was' : 'were'} refused: ${each.join(', ')}`;
}
