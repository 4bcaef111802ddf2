import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { describeViolation } from '../base/violation.ts';
import { decodeReply, encodeRequest } from '../interface-block/message.ts';
import { PROCESSES, type ProcessName, type ReplyOf, type RequestOf } from '../interface-block/process-table.ts';
import type { SigningKey } from '../interface-block/signature.ts';
import type { LunOpener } from '../lun/lun.ts';
import { fetchEditedData } from './answer.ts';
import type { BlockEvent } from './block-event.ts';
import { beginCall, callError } from './call-state.ts';
import { escapeText } from './escape-text.ts';
import { createPathList } from './path-list.ts';

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
  /** Signs every block; absent: none is signed. */
  readonly signingKey?: SigningKey;
  readonly timeoutMs: number;
  readonly observe?: (event: BlockEvent) => void;
}

export function createArrayClient(parts: ArrayClientParts): ArrayClient {
  const paths = createPathList(parts);
  let closed = false;

  return {
    array: parts.array,
    serial: parts.serial,
    async call(process, request, options = {}) {
      const command = { process: PROCESSES[process], input: encodeRequest(process, request) };
      const call = beginCall(parts, paths, () => closed, command, options);
      const reply = decodeReply(process, await fetchEditedData(call));
      if (reply.ok) return reply.value;
      const why = escapeText(describeViolation(reply.violation));
      throw callError(call, 'bad-answer', `${process} was executed, but its answer cannot be read: ${why}`);
    },
    async close() {
      closed = true;
      await paths.close();
    },
  };
}
