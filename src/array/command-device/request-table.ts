import { REMEMBERED_REQUESTS } from '../../interface-block/geometry.ts';
import { encodeRefusal } from '../../interface-block/message.ts';
import { STATUS, type StatusName } from '../../interface-block/status.ts';
import type { CommandOutcome, CommandRequest } from './types.ts';

/**
 * The memory that makes a command take effect once, however often and over whatever paths it arrives. Plain data: the
 * array's store makes each entry durable in one step with the change that it records, and calls `remember` after that.
 *
 * Refusals of changing commands belong in it too: a host that was told "refused" must not see a late duplicate of the
 * same WRITE, still under way on another path, take effect afterwards.
 */
export interface RememberedRequest {
  readonly requestId: string;
  readonly process: number;
  readonly inputCrc: number;
  readonly status: number;
  readonly editedData: Uint8Array;
  /** Its place in the order of execution, from 1, without gaps. */
  readonly commandNumber: number;
}

export type Admission =
  | { readonly kind: 'execute' }
  /** Recorded, or refused without being executed. */
  | { readonly kind: 'answer'; readonly outcome: CommandOutcome };

export interface RequestTable {
  /** Commands remembered so far, forgotten ones included: the label's `commandNumber`. */
  commandNumber(): number;
  size(): number;
  find(requestId: string): RememberedRequest | undefined;
  /** Whether a changing command is to be executed or answered from memory. */
  admit(request: CommandRequest): Admission;
  /** The entry to be made durable for the command that has just been decided. */
  entryFor(request: CommandRequest, outcome: CommandOutcome): RememberedRequest;
  /** Takes the next entry; the oldest is forgotten, and returned, where the limit is passed. */
  remember(entry: RememberedRequest): RememberedRequest | undefined;
  /** Oldest first. */
  entries(): RememberedRequest[];
}

/** `entries` as a store kept them, oldest first; `commandNumber` where no entry tells it. */
export function createRequestTable(
  parts: {
    readonly entries?: readonly RememberedRequest[];
    readonly commandNumber?: number;
    readonly limit?: number;
  } = {},
): RequestTable {
  const limit = parts.limit ?? REMEMBERED_REQUESTS;
  const byId = new Map<string, RememberedRequest>();
  let commandNumber = parts.entries?.length ? parts.entries[0]!.commandNumber - 1 : (parts.commandNumber ?? 0);

  const table: RequestTable = {
    commandNumber: () => commandNumber,
    size: () => byId.size,
    find: (requestId) => byId.get(requestId),
    admit(request) {
      const known = byId.get(request.requestId);
      if (known) return { kind: 'answer', outcome: sameContent(known, request) ? known : reused(request.requestId) };
      if (request.admissionNumber < commandNumber - limit) return { kind: 'answer', outcome: expired(limit) };
      if (request.admissionNumber > commandNumber) return { kind: 'answer', outcome: ahead(request, commandNumber) };
      return { kind: 'execute' };
    },
    entryFor: ({ requestId, process, inputCrc }, { status, editedData }) => ({
      requestId,
      process,
      inputCrc,
      status,
      editedData,
      commandNumber: commandNumber + 1,
    }),
    remember(entry) {
      if (entry.commandNumber !== commandNumber + 1 || byId.has(entry.requestId)) {
        throw new Error(`request ${entry.requestId}: entry ${entry.commandNumber} does not follow ${commandNumber}`);
      }
      commandNumber = entry.commandNumber;
      byId.set(entry.requestId, entry);
      return byId.size > limit ? forgetOldest(byId) : undefined;
    },
    entries: () => [...byId.values()],
  };
  for (const entry of parts.entries ?? []) table.remember(entry);
  return table;
}

/** The outcome of a command that is not executed, with the reason for people. */
export function refusal(status: Exclude<StatusName, 'ok'>, message: string): CommandOutcome {
  return { status: STATUS[status], editedData: encodeRefusal(message) };
}

/** The same request id with another process or input is a mistake of the host, not a retry. */
export function reused(requestId: string): CommandOutcome {
  return refusal('request-reused', `request ${requestId} came before with another process number or input parameter`);
}

function expired(limit: number): CommandOutcome {
  return refusal(
    'request-expired',
    `more than ${limit} commands were executed since this request was begun; whether it was among them is forgotten`,
  );
}

function ahead(request: CommandRequest, commandNumber: number): CommandOutcome {
  return refusal(
    'request-expired',
    `admission number ${request.admissionNumber} lies ahead of this array's command number ${commandNumber}; read the label again`,
  );
}

function sameContent(known: RememberedRequest, request: CommandRequest): boolean {
  return known.process === request.process && known.inputCrc === request.inputCrc;
}

/** A Map keeps the order of insertion. */
function forgetOldest(byId: Map<string, RememberedRequest>): RememberedRequest | undefined {
  const [oldest] = byId.values();
  if (oldest) byId.delete(oldest.requestId);
  return oldest;
}
