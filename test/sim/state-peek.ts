import type { ArrayState } from '../../src/array/store/array-state.ts';
import { SimFailure } from './verdict.ts';

interface Logged {
  /** Everything that is remembered, repeated. */
  readonly compaction: boolean;
  readonly offset: number;
  readonly state: ArrayState | undefined;
  readonly requestIds: readonly string[];
}

/**
 * Reads along what an array commits to its state log: which state is durable, which commands took effect. The log is the one
 * place where "took effect" and "durable" mean the same.
 */
export interface StatePeek {
  /** The last durable state. */
  state(): ArrayState | undefined;
  isDurable(requestId: string): boolean;
  written(file: string, offset: number, data: Uint8Array): void;
  truncated(size: number): void;
  flushed(): void;
  /** What was not flushed may be gone; where it survives, the next commit shows it. */
  powerCut(): void;
  /** What is durable now; called, it is so again, and what came later was durable once. */
  remember(): () => void;
  /** How often it was so again. */
  returns(): number;
}

const RECORD_HEADER = 12;

export function createStatePeek(array: string): StatePeek {
  let logged: Logged[] = [];
  let state: ArrayState | undefined;
  let committed = new Map<string, number>();
  let returns = 0;
  /** Under way in a power cut: they may have become durable by luck. */
  const survivors = new Set<string>();

  function commit(entry: Logged): void {
    state = entry.state ?? state;
    for (const requestId of entry.requestIds) {
      const before = committed.get(requestId);
      if (before !== undefined && before !== entry.offset && !entry.compaction) {
        throw new SimFailure('I4-once', `array ${array} executed request ${requestId} twice`);
      }
      committed.set(requestId, entry.offset);
    }
  }

  return {
    state: () => state,
    returns: () => returns,
    isDurable: (requestId) => committed.has(requestId) || survivors.has(requestId),
    written(file, offset, data) {
      const text = Buffer.from(data.subarray(RECORD_HEADER)).toString('utf8');
      const entry = JSON.parse(text) as { state?: ArrayState; requests?: Array<{ requestId: string }> };
      const requestIds = (entry.requests ?? []).map((request) => request.requestId);
      logged.push({ compaction: file !== 'state', offset, state: entry.state, requestIds });
    },
    truncated(size) {
      logged = logged.filter((entry) => entry.offset < size);
    },
    flushed() {
      const entries = logged;
      logged = [];
      entries.forEach(commit);
    },
    remember() {
      const copied = { state, committed: new Map(committed) };
      return () => {
        returns += 1;
        for (const requestId of committed.keys()) survivors.add(requestId);
        logged = [];
        state = copied.state;
        committed = new Map(copied.committed);
      };
    },
    powerCut() {
      for (const { requestIds } of logged) requestIds.forEach((requestId) => survivors.add(requestId));
      logged = [];
    },
  };
}
