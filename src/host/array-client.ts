import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ProcessName, ReplyOf, RequestOf } from '../interface-block/process-table.ts';
import type { LunOpener } from '../lun/lun.ts';
import type { BlockEvent } from './block-event.ts';

export type { BlockEvent } from './block-event.ts';

export interface CallOptions {
  /** Deadline of the whole call, retries and all; default: the client's. */
  readonly timeoutMs?: number;
  /** 16 bytes as hex: names a command of an earlier call, so that it takes effect once over both. Default: random. */
  readonly requestId?: string;
}

/** Commands to one array through its command device. Every method rejects with `CommandError` only. */
export interface ArrayClient {
  /** Configuration name. */
  readonly array: string;
  readonly serial: string;
  /** Fig. 8: claims a slot, writes, waits, reads the edited data. Throws RangeError where `request` does not fit. */
  call<N extends ProcessName>(process: N, request: RequestOf<N>, options?: CallOptions): Promise<ReplyOf<N>>;
  /** Closes all paths; calls under way fail. */
  close(): Promise<void>;
}

export interface ArrayClientParts {
  /** Configuration name, for messages. */
  readonly array: string;
  /** The serial that a label must bear before anything is written. */
  readonly serial: string;
  /** Paths of command devices of this array, in order of preference. */
  readonly paths: readonly string[];
  readonly opener: LunOpener;
  readonly clock: Clock;
  readonly random: Random;
  /** Who asks: stands in every block. */
  readonly host: string;
  readonly timeoutMs: number;
  readonly observe?: (event: BlockEvent) => void;
}
