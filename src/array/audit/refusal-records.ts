import type { Clock, Timer } from '../../base/clock.ts';
import type { AuditLog, NewEntry } from './audit-log.ts';

/** Refusals of one source that are told one by one; those behind them are counted. */
export const TOLD_ONE_BY_ONE = 8;
/** So often one more may be told: whoever is refused now and then, all day long, is counted, too. */
export const TOLD_AGAIN_MS = 60_000;
export const FIRST_WINDOW_MS = 1000;
/** Whoever does not stop is counted for longer and longer. */
export const LAST_WINDOW_MS = 64_000;
const KINDS = 16;

/**
 * What refusals put into the audit: a host that is refused without end must neither fill the disk nor push the records
 * of others out of it. That more are refused is durable before any of them is answered; how many, when the window ends.
 */
export interface RefusalRecords {
  /** Resolves when the audit tells of it; rejects where it cannot be written. */
  refused(entry: NewEntry): Promise<void>;
  /** Writes the counts of the windows that are open. */
  close(): Promise<void>;
}

interface Source {
  readonly name: string;
  readonly who: Pick<NewEntry, 'initiator' | 'address'>;
  /** How many may be told one by one now, and since when it is so. */
  budget: number;
  budgetMs: number;
  lengthMs: number;
  counted: number;
  kinds: Map<string, number>;
  announced: Promise<void> | undefined;
  timer: Timer | undefined;
}

export function createRefusalRecords(parts: {
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  /** What tells one source from another. */
  readonly by: 'initiator' | 'address';
  /** Sources that are counted for themselves; further ones together. */
  readonly sourceLimit: number;
}): RefusalRecords {
  const { audit, clock, log, by, sourceLimit } = parts;
  const sources = new Map<string, Source>();

  function sourceOf(entry: NewEntry): Source {
    const own = entry[by] ?? '';
    const known = sources.get(own);
    if (known) return known;
    const name = sources.size < sourceLimit ? own : 'several';
    const shared = sources.get(name);
    if (shared) return shared;
    const source: Source = {
      name,
      who: name === '' ? {} : { [by]: name },
      budget: TOLD_ONE_BY_ONE,
      budgetMs: clock.monotonicMs(),
      lengthMs: FIRST_WINDOW_MS,
      counted: 0,
      kinds: new Map(),
      announced: undefined,
      timer: undefined,
    };
    sources.set(name, source);
    run(source, source.lengthMs);
    return source;
  }

  function run(source: Source, lengthMs: number): void {
    source.timer?.cancel();
    source.timer = clock.setTimer(lengthMs, () => void endWindow(source), { background: true });
  }

  function refill(source: Source): void {
    const earned = Math.floor((clock.monotonicMs() - source.budgetMs) / TOLD_AGAIN_MS);
    source.budget = Math.min(TOLD_ONE_BY_ONE, source.budget + earned);
    source.budgetMs += earned * TOLD_AGAIN_MS;
  }

  async function endWindow(source: Source): Promise<void> {
    if (source.counted > 0) {
      await tellCount(source);
      source.lengthMs = Math.min(source.lengthMs * 2, LAST_WINDOW_MS);
      return run(source, source.lengthMs);
    }
    // Not shorter again before it has been quiet for long: a pause after each window would make many of them.
    refill(source);
    if (source.budget === TOLD_ONE_BY_ONE) sources.delete(source.name);
    else run(source, TOLD_AGAIN_MS);
  }

  /** What could not be written is counted on. */
  async function tellCount(source: Source): Promise<void> {
    const { counted: count, kinds } = source;
    Object.assign(source, { counted: 0, kinds: new Map(), announced: undefined });
    try {
      await audit.append({ event: 'counted', ...source.who, count, why: wordsOf(count, kinds) });
    } catch (error) {
      log(`the audit lacks a count of refusals: ${String(error)}`);
      source.counted += count;
      for (const [kind, times] of kinds) source.kinds.set(kind, (source.kinds.get(kind) ?? 0) + times);
    }
  }

  /** A record that failed is tried again with the next refusal. */
  function announce(source: Source): Promise<void> {
    source.announced ??= audit
      .append({
        event: 'counting',
        ...source.who,
        why: `so many are refused: from here on they are counted for ${source.lengthMs / 1000} s`,
      })
      .catch((error: unknown) => {
        source.announced = undefined;
        throw error;
      });
    return source.announced;
  }

  return {
    refused(entry) {
      const source = sourceOf(entry);
      refill(source);
      if (source.budget > 0) {
        // What was full until now begins to be refilled now.
        if (source.budget === TOLD_ONE_BY_ONE) source.budgetMs = clock.monotonicMs();
        source.budget -= 1;
        return audit.append(entry);
      }
      if (source.counted === 0) run(source, source.lengthMs);
      source.counted += 1;
      const kind = `${entry.process ?? 'unknown'} ${entry.status ?? 'unknown'}`;
      const known = source.kinds.has(kind) || source.kinds.size < KINDS ? kind : 'others';
      source.kinds.set(known, (source.kinds.get(known) ?? 0) + 1);
      return announce(source);
    },
    async close() {
      for (const source of sources.values()) {
        source.timer?.cancel();
        if (source.counted > 0) await tellCount(source);
      }
      sources.clear();
    },
  };
}

function wordsOf(count: number, kinds: ReadonlyMap<string, number>): string {
  const each = [...kinds].map(([kind, times]) => `${times} of ${kind}`);
  return `${count} more ${count === 1 ? 'was' : 'were'} refused: ${each.join(', ')}`;
}
