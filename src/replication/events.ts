import type { PairState, ProcessName } from '../interface-block/process-table.ts';

/** What a verb did with one step; `reply` is the decoded answer of the array. */
export interface StepResult {
  readonly id: string;
  readonly array: string;
  readonly process: ProcessName;
  readonly elapsedMs: number;
  /** Of changing commands: whether the array changed anything. */
  readonly changed?: boolean;
  readonly reply: unknown;
}

export interface PairProgress {
  readonly pair: string;
  readonly state: PairState;
  readonly copiedChunks: number;
  readonly copyChunks: number;
  readonly chunkBytes: number;
}

/** What one cycle of Fig. 16 moved. Records are counted, `bytes` is journal space, `lagMs` the age of the oldest write that is missing. */
export interface CycleFigures {
  readonly primary: string;
  readonly auxiliary: string;
  readonly recordsAcquired: number;
  /** Records newly ordered to be restored (S1609). */
  readonly recordsRestored: number;
  readonly recordsPurged: number;
  readonly bytes?: number;
  /** Last write of the primary, and how far the auxiliary has acquired and restored, when the cycle ended. */
  readonly primarySequence: number;
  readonly readSequence: number;
  readonly restoredSequence: number;
  readonly lagMs?: number;
}

export type EventBody =
  | {
      readonly kind: 'step-begun';
      readonly id: string;
      readonly array: string;
      readonly process: ProcessName;
      readonly why: string;
    }
  | ({ readonly kind: 'step-done' } & StepResult)
  | {
      readonly kind: 'step-failed';
      readonly id: string;
      readonly array: string;
      readonly process: ProcessName;
      readonly elapsedMs: number;
      readonly error: string;
    }
  /** S1608 and S1905: the comparison of a completed with a to-be pointer. */
  | {
      readonly kind: 'compared';
      readonly id: 'S1608' | 'S1905';
      readonly array: string;
      readonly completed: number;
      readonly toBe: number;
    }
  | ({ readonly kind: 'cycle-done' } & CycleFigures)
  | { readonly kind: 'copy-progress'; readonly array: string; readonly pairs: readonly PairProgress[] }
  | {
      readonly kind: 'waiting';
      readonly id: string;
      readonly array: string;
      readonly for: string;
      readonly waitedMs: number;
    }
  | { readonly kind: 'fenced'; readonly array: string; readonly leaseMs: number }
  | { readonly kind: 'note'; readonly text: string };

/** Plain data, one line of NDJSON each. `atMs` is milliseconds since 1970 UTC by the context's clock. */
export type ReplicationEvent = EventBody & { readonly group: string; readonly atMs: number };
