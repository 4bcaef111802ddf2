import { randomHex } from '../base/random.ts';
import { SLOT_COUNT } from '../interface-block/geometry.ts';
import type { ProcessDefinition } from '../interface-block/process-table.ts';
import type { IoOptions } from '../lun/lun.ts';
import type { ArrayClientParts, CallOptions } from './array-client.ts';
import type { BlockEvent } from './block-event.ts';
import { CommandError, type CommandErrorDetails, type CommandErrorKind } from './command-error.ts';
import type { PathList } from './path-list.ts';

/** A READ or WRITE that takes longer counts as lost. */
const IO_LIMIT_MS = 10_000;
/** With several paths, one that hangs leaves at least so much time for itself. */
const IO_SHARE_MS = 1_000;

/** One call under way: what was sent under which id, and what has failed so far. */
export interface CallState {
  readonly parts: ArrayClientParts;
  readonly paths: PathList;
  readonly process: Pick<ProcessDefinition, 'name' | 'number' | 'changes'>;
  readonly input: Uint8Array;
  readonly startedMs: number;
  readonly deadlineMs: number;
  readonly closed: () => boolean;
  /** False where the caller named the request: it may have been executed for an earlier call. */
  readonly ownRequestId: boolean;
  requestId: string;
  /** Of the first label read for this request id; quoted by all its retries. */
  admissionNumber: number | undefined;
  /** WRITEs of this request id that reached the array or may have. */
  deliveries: number;
  /** Paths that failed since the last WRITE that was accepted. */
  failures: CommandError[];
  /** Answers and refusals that call for another try; bounded. */
  setbacks: number;
  /** WRITEs in a row that failed as those to an occupied slot do where the path has no name for it; bounded. */
  unnamedConflicts: number;
  lastPath: string | undefined;
  /** Where the next WRITE goes first: random, then the slot that may still hold this request. */
  slot: number;
  /** For the message at the deadline. */
  problem: { readonly kind: 'timeout' | 'busy'; readonly text: string };
}

export function beginCall(
  parts: ArrayClientParts,
  paths: PathList,
  closed: () => boolean,
  command: Pick<CallState, 'process' | 'input'>,
  options: CallOptions,
): CallState {
  const startedMs = parts.clock.monotonicMs();
  return {
    process: command.process,
    input: command.input,
    parts,
    paths,
    closed,
    startedMs,
    deadlineMs: startedMs + (options.timeoutMs ?? parts.timeoutMs),
    ownRequestId: options.requestId === undefined,
    requestId: options.requestId ?? randomHex(parts.random, 16),
    admissionNumber: undefined,
    deliveries: 0,
    failures: [],
    setbacks: 0,
    unnamedConflicts: 0,
    lastPath: undefined,
    slot: parts.random.below(SLOT_COUNT),
    problem: { kind: 'timeout', text: 'no answer came' },
  };
}

/** A new identity for a command of which it is certain that it has had no effect. */
export function renewRequest(call: CallState): void {
  call.requestId = randomHex(call.parts.random, 16);
  call.admissionNumber = undefined;
  call.deliveries = 0;
}

/** The command may have changed the array: it is not given up before the deadline. */
export function mayHaveChanged(call: CallState): boolean {
  return call.process.changes && call.deliveries > 0;
}

export function remainingMs(call: CallState): number {
  return call.deadlineMs - call.parts.clock.monotonicMs();
}

/** Shared out over the paths, so that one that hangs leaves time for the others. */
export function ioOptions(call: CallState): IoOptions {
  const remaining = Math.max(1, remainingMs(call));
  const share = Math.max(IO_SHARE_MS, Math.ceil(remaining / call.parts.paths.length));
  return { timeoutMs: Math.min(remaining, share, IO_LIMIT_MS) };
}

/** Throws where the deadline has passed or the client is closed. */
export function checkDeadline(call: CallState): void {
  if (call.closed()) throw unanswered(call, 'no-path', 'the client was closed');
  if (remainingMs(call) <= 0) throw unanswered(call, call.problem.kind, call.problem.text);
}

/** Counts a path that failed; throws once all have, unless the command may already have taken effect. */
export function recordPathFailure(call: CallState, failure: CommandError): void {
  call.failures.push(failure);
  call.problem = { kind: 'timeout', text: failure.message };
  checkDeadline(call);
  if (mayHaveChanged(call) || call.failures.length < call.parts.paths.length) return;
  const gravest = GRAVITY.map((kind) => call.failures.find((known) => known.kind === kind)).find(Boolean) ?? failure;
  const others = call.failures.filter((known) => known !== gravest).map((known) => known.message);
  throw callError(call, gravest.kind, [gravest.message, ...others].join('; '), { path: gravest.path, cause: gravest });
}

const GRAVITY: readonly CommandErrorKind[] = ['wrong-array', 'not-a-command-device', 'refused-for-safety', 'no-path'];

export function callError(
  call: CallState,
  kind: CommandErrorKind,
  message: string,
  details: CommandErrorDetails = {},
): CommandError {
  return new CommandError(kind, call.parts.array, message, {
    process: call.process.name,
    path: call.lastPath,
    requestId: call.requestId,
    ...details,
  });
}

export function outcomeUnknown(call: CallState, why: string, details: CommandErrorDetails = {}): CommandError {
  const message = `whether ${call.process.name} took effect is not known: ${why} (request ${call.requestId})`;
  return callError(call, 'outcome-unknown', message, details);
}

function unanswered(call: CallState, kind: CommandErrorKind, text: string): CommandError {
  const elapsed = Math.round(call.parts.clock.monotonicMs() - call.startedMs);
  const why = `${text}, given up after ${elapsed} ms`;
  return mayHaveChanged(call) ? outcomeUnknown(call, why) : callError(call, kind, `${call.process.name}: ${why}`);
}

export function announce(
  call: CallState,
  kind: BlockEvent['kind'],
  slot: number,
  more: Pick<BlockEvent, 'status' | 'elapsedMs' | 'detail'> = {},
): void {
  call.parts.observe?.({
    kind,
    array: call.parts.array,
    path: call.lastPath ?? '',
    slot,
    process: call.process.name,
    processNumber: call.process.number,
    requestId: call.requestId,
    ...more,
  });
}
