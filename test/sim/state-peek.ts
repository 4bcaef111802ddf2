import type { ArrayState } from '../../src/array/store/array-state.ts';
import { SimFailure } from './verdict.ts';

interface Logged {
  readonly offset: number;
  readonly state: ArrayState | undefined;
  readonly requestIds: readonly string[];
  durable: boolean;
}

/**
 * Reads along what an array commits to its state log: which state is durable, which commands took effect. The log is the one
 * place where "took effect" and "durable" mean the same.
 */
export interface StatePeek {
  /** The last durable state. */
  state(): ArrayState | undefined;
  isDurable(requestId: string): boolean;
  written(offset: number, data: Uint8Array): void;
  truncated(size: number): void;
  flushed(): void;
}

const RECORD_HEADER = 12;

export function createStatePeek(array: string): StatePeek {
  let logged: Logged[] = [];
  let state: ArrayState | undefined;
  let unflushed = 0;
  const committed = new Map<string, number>();

  function commit(entry: Logged): void {
    entry.durable = true;
    state = entry.state ?? state;
    for (const requestId of entry.requestIds) {
      const before = committed.get(requestId);
      if (before !== undefined && before !== entry.offset) {
        throw new SimFailure('I4-once', `array ${array} executed request ${requestId} twice`);
      }
      committed.set(requestId, entry.offset);
    }
  }

  return {
    state: () => state,
    isDurable: (requestId) => committed.has(requestId),
    written(offset, data) {
      const text = Buffer.from(data.subarray(RECORD_HEADER)).toString('utf8');
      const entry = JSON.parse(text) as { state?: ArrayState; requests?: Array<{ requestId: string }> };
      const requestIds = (entry.requests ?? []).map((request) => request.requestId);
      logged.push({ offset, state: entry.state, requestIds, durable: false });
      unflushed += 1;
    },
    truncated(size) {
      logged = logged.filter((entry) => entry.offset < size);
    },
    flushed() {
      if (unflushed === 0) return;
      unflushed = 0;
      for (const entry of logged) if (!entry.durable) commit(entry);
      logged = [];
    },
  };
}
