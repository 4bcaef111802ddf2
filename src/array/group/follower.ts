import type { Clock, Timer } from '../../base/clock.ts';
import { describeViolation } from '../../base/violation.ts';
import type { Lun } from '../../lun/lun.ts';
import { decodeHeader, HEADER_SIZE, type JournalHeader } from '../journal/header.ts';
import { JOURNAL_BLOCK_SIZE } from '../journal/geometry.ts';
import type { JournalVolume } from '../journal/journal-volume.ts';
import type { RemoteInterface } from '../remote-interface.ts';
import type { ChunkMap } from '../store/chunk-map.ts';
import type { GroupState, Position } from '../store/array-state.ts';
import type { Volume } from '../store/volume.ts';

/** What the auxiliary side's background work (acquisition, restore, copy formation) needs of its group. */
export interface FollowerContext {
  readonly arraySerial: string;
  readonly clock: Clock;
  readonly journal: JournalVolume;
  readonly remote: RemoteInterface;
  state(): GroupState;
  /** Changes the group durably; `change` sees the newest state. A change of an older epoch is dropped. */
  update(epoch: number, change: (group: GroupState) => GroupState): Promise<GroupState>;
  /** Rises whenever the group's role or source of data changes: work begun before must not go on. */
  epoch(): number;
  volume(lun: number): Volume;
  differences(slot: number): ChunkMap;
  /**
   * How far restoration has brought the volumes in an epoch. It may be further than what is durable: a step that failed
   * half-way goes on there, since a record that is restored once more would show readers a past that they had left behind.
   */
  applied: { readonly epoch: number; readonly position: Position } | undefined;
  /** Blocks of journal data that the line brings in about a second; undefined before any has come. */
  batchBlocks: number | undefined;
  /** Chunk ranges that copy formation is writing; restore keeps off them. */
  readonly copying: CopyRanges;
  /** Whether an acquisition was ordered since the last call: each order makes one contact with the primary. */
  takeContactOrder(): boolean;
  /** Whether one was ordered that nobody has taken. */
  contactOrdered(): boolean;
  /** Whether this side has met its primary since the array started, and neither was an older copy. */
  hasMet(): boolean;
  meet(): void;
  report(error: string): void;
  wake(): void;
}

export interface CopyRanges {
  /** Undefined, or resolves when the range that is in the way has been written. */
  conflict(slot: number, offset: number, length: number): Promise<void> | undefined;
  begin(slot: number, offset: number, length: number): () => void;
}

export function createCopyRanges(): CopyRanges {
  const ranges = new Set<{ slot: number; from: number; to: number; done: Promise<void> }>();
  return {
    conflict(slot, offset, length) {
      for (const range of ranges) {
        if (range.slot === slot && offset < range.to && offset + length > range.from) return range.done;
      }
      return undefined;
    },
    begin(slot, offset, length) {
      let finish = (): void => undefined;
      const done = new Promise<void>((resolve) => {
        finish = resolve;
      });
      const range = { slot, from: offset, to: offset + length, done };
      ranges.add(range);
      return () => {
        ranges.delete(range);
        finish();
      };
    },
  };
}

/** How long one read from the peer may take. */
export const PEER_TIMEOUT_MS = 10_000;

export class PeerError extends Error {
  override readonly name = 'PeerError';
}

export async function openPeerJournal(context: FollowerContext): Promise<Lun> {
  const group = context.state();
  return context.remote.open(group.peerSerial, group.peerJournalLun);
}

/** Reads the header of the peer's journal and checks that it belongs to this group. */
export async function readPeerHeader(context: FollowerContext): Promise<JournalHeader> {
  const group = context.state();
  const lun = await openPeerJournal(context);
  try {
    const bytes = await lun.read(0, HEADER_SIZE / JOURNAL_BLOCK_SIZE, { timeoutMs: PEER_TIMEOUT_MS });
    const header = checkHeader(bytes, context.arraySerial, group);
    context.report('');
    return header;
  } catch (error) {
    context.remote.forget(group.peerSerial, group.peerJournalLun);
    throw error;
  }
}

/** `mayName`: whether who reads the error may be told of another group; unknown readers may not. */
export function checkHeader(
  bytes: Uint8Array,
  arraySerial: string,
  group: { name: string; peerSerial: string; peerJournalLun: number },
  mayName: (group: string) => boolean = () => false,
): JournalHeader {
  const where = `LUN ${group.peerJournalLun} of array ${group.peerSerial}`;
  const result = decodeHeader(bytes);
  if (!result.ok) throw new PeerError(`${where} is no journal: ${describeViolation(result.violation)}`);
  const header = result.value;
  if (header.serial !== group.peerSerial) throw new PeerError(`${where} belongs to array ${header.serial}`);
  if (header.group !== group.name || header.peerSerial !== arraySerial) {
    const other = header.group === group.name || mayName(header.group) ? `group ${header.group}` : 'another group';
    const owner = header.group === '' ? 'no group' : `${other} with array ${header.peerSerial}`;
    throw new PeerError(`${where} serves ${owner}, not group ${group.name} with array ${arraySerial}`);
  }
  return header;
}

export type StepResult = 'again' | 'idle' | { readonly retryMs: number };

/** A loop of steps that runs while there is work; `kick` wakes it, at most one run at a time. */
export interface Worker {
  kick(): void;
  stop(): void;
}

const FAILURE_RETRY_MS = 1000;

export function createWorker(clock: Clock, step: () => Promise<StepResult>, failed: (error: unknown) => void): Worker {
  let running = false;
  let wanted = false;
  let stopped = false;
  let retry: Timer | undefined;

  /** One at a time: whoever kicks a worker that waits must not leave it with one timer more. */
  function retryAfter(delayMs: number): void {
    retry?.cancel();
    retry = clock.setTimer(delayMs, kick, { background: true });
  }

  async function run(): Promise<void> {
    running = true;
    while (wanted && !stopped) {
      wanted = false;
      const result = await step().catch((error: unknown): StepResult => {
        failed(error);
        return { retryMs: FAILURE_RETRY_MS };
      });
      if (result === 'again') wanted = true;
      else if (result !== 'idle') retryAfter(result.retryMs);
    }
    running = false;
  }

  function kick(): void {
    wanted = true;
    if (!running && !stopped) void run();
  }

  return {
    kick,
    stop() {
      stopped = true;
    },
  };
}

/** Lets other work have its turn. */
export function yieldTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(0, resolve);
  });
}
