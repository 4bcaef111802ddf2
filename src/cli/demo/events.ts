import type { BlockEvent } from '../../host/array-client.ts';
import type { JournalStatus } from '../../host/operations.ts';
import type { CycleFigures, PairProgress } from '../../replication/events.ts';
import type { GroupObservation } from '../../replication/observe.ts';
import type { Verdict } from '../../replication/verdict.ts';
import type { LabReport } from '../services.ts';

/** The story as data: one line of NDJSON each, and one piece of text. `atMs` counts from the beginning. */
export type DemoEvent = DemoEventBody & { readonly atMs: number };

export type DemoEventBody =
  | { readonly event: 'chapter'; readonly number: number; readonly title: string; readonly text: string }
  | { readonly event: 'arrays'; readonly lab: LabReport }
  | { readonly event: 'loading'; readonly bytes: number; readonly byteLength: number }
  | ({ readonly event: 'loaded'; readonly array: string; readonly lun: number; readonly elapsedMs: number } & DemoFile)
  | { readonly event: 'host-started'; readonly site: string; readonly pid: number; readonly volumes: readonly string[] }
  | SentBlock
  | DemoCycle
  | { readonly event: 'host-killed'; readonly site: string; readonly pid: number; readonly acknowledged: number }
  | { readonly event: 'host-ended'; readonly site: string; readonly pid: number; readonly acknowledged: number }
  | {
      readonly event: 'journals';
      readonly group: string;
      readonly observation: GroupObservation;
      readonly verdict: Verdict;
    }
  | { readonly event: 'swapped'; readonly primary: string; readonly sequence: number; readonly sinceKillMs: number }
  | ({ readonly event: 'proved' } & DemoProof)
  | { readonly event: 'refused'; readonly array: string; readonly answer: string }
  | { readonly event: 'cleaned'; readonly directory: string };

export interface DemoFile {
  readonly path: string;
  readonly byteLength: number;
  /** True where only the beginning of the file is used. */
  readonly beginning: boolean;
  readonly sha256: string;
}

/** An interface block; `lun` is the one that it was written to, on the array that the host is attached to. */
export type SentBlock = {
  readonly event: 'block';
  readonly lun: number;
  /** The array that the path leads to first; another than `array` where the LUN is a virtual volume. */
  readonly through: string;
} & BlockEvent;

export type DemoCycle = {
  readonly event: 'cycle';
  readonly number: number;
  readonly figures: CycleFigures;
  /** As S1601 found it, and how far the auxiliary was then. */
  readonly primaryJournal: JournalStatus;
  readonly auxiliaryBefore: JournalStatus;
  /** After S1608. */
  readonly auxiliaryJournal: JournalStatus;
  readonly copying: readonly PairProgress[];
  /** Writes that hosts know to be done, in all. */
  readonly acknowledged: number;
};

export interface DemoProof {
  readonly array: string;
  readonly compared: number;
  readonly unacknowledged: number;
  readonly sha256: string;
  readonly byteLength: number;
}

/** What the whole came to. */
export interface DemoSummary {
  readonly file: DemoFile;
  /** Acknowledged writes, by the array that the host was attached to. */
  readonly acknowledged: Readonly<Record<string, number>>;
  readonly proofs: readonly DemoProof[];
  readonly blocks: BlockCounts;
  readonly cycles: number;
  readonly journalBytes: number;
  readonly journalRecords: number;
  readonly copiedBytes: number;
  readonly largestLagMs: number;
  readonly sinceKillMs: number;
  readonly elapsedMs: number;
  /** Present where the lab was left running. */
  readonly kept?: { readonly lab: LabReport; readonly programDirectory: string };
}

export interface BlockCounts {
  readonly sent: number;
  /** Of these, those that reached their array through a virtual command device. */
  readonly throughVirtual: number;
  readonly byProcess: Readonly<Record<string, number>>;
}
