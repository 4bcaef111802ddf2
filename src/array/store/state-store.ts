import type { Storage } from '../../base/storage.ts';
import type { ChainEnd } from '../audit/chain.ts';
import { createRequestTable, type RememberedRequest, type RequestTable } from '../command-device/request-table.ts';
import type { CommandOutcome, CommandRequest } from '../command-device/types.ts';
import type { ArrayState, GroupState } from './array-state.ts';
import { describeViolation } from '../../base/violation.ts';
import { openStateLog, type LogRecord } from './state-log.ts';
import { violationIn } from './shape.ts';
import { logEntryShape, STATE_FORMAT } from './state-shape.ts';

/** A record of the log: the tables as a whole, and outcomes of commands with their edited data in base64. */
interface LogEntry {
  /** Beside `state`: of everything in the store. Absent: 1. */
  readonly format?: number;
  /** Beside `state`: the array that the store belongs to. */
  readonly serial?: string;
  readonly state?: ArrayState;
  readonly requests?: readonly LoggedRequest[];
  /** A record of the audit that was durable by then. */
  readonly audit?: ChainEnd;
}

type LoggedRequest = Omit<RememberedRequest, 'editedData'> & { readonly editedData: string };

export interface Decision {
  readonly request: CommandRequest;
  readonly outcome: CommandOutcome;
}

/**
 * The tables of the array, changed one after the other: each change sees the result of the one before, and takes effect
 * when it is durable. A change and the outcome of the command that asked for it are one commit (promise 2).
 */
export interface StateStore {
  state(): ArrayState;
  group(name: string): GroupState | undefined;
  readonly requests: RequestTable;
  /**
   * Resolves with the error when the log cannot be written any more. Whether the last change will be found after a
   * restart is not known then, so nothing may be answered from here on.
   */
  readonly failed: Promise<unknown>;
  hasFailed(): boolean;
  /** Resolves to the state before and after; a change that returns its argument, with no decision, writes nothing. */
  update(
    change: (state: ArrayState) => ArrayState,
    decide?: (before: ArrayState, after: ArrayState) => Decision,
  ): Promise<{ before: ArrayState; after: ArrayState }>;
  /** The last record of the audit of which the log knows; undefined: of none. */
  auditEnd(): ChainEnd | undefined;
  /** Each commit from now on names the last durable record of the audit, whose end nobody can cut off unnoticed then. */
  attestWith(durableEnd: () => ChainEnd): void;
  /** The same in a commit of its own, where there is something new to say. */
  attest(): Promise<void>;
  close(): void;
}

/** What a log holds must not be used: another array's, a newer format's, or no tables at all. */
export class StateStoreError extends Error {
  override readonly name = 'StateStoreError';
  /** Where in the log the record begins. */
  readonly at: number;

  constructor(at: number, why: string) {
    super(`state log, record at byte ${at}: ${why}`);
    this.at = at;
  }
}

/** The tables and the commands that the records of a log leave behind; throws `StateStoreError`. */
export function tablesOf(
  records: readonly LogRecord[],
  serial: string,
): {
  readonly state: ArrayState | undefined;
  readonly requests: RememberedRequest[];
  readonly audit: ChainEnd | undefined;
} {
  for (const { at, entry } of records) checkEntry(at, entry as LogEntry, serial);
  const entries = records.map(({ entry }) => entry as LogEntry);
  const state = entries.findLast((entry) => entry.state)?.state;
  if (!state && entries.length > 0) throw new StateStoreError(0, 'no record of the log holds the tables');
  return {
    state,
    requests: entries.flatMap((entry) => entry.requests ?? []).map(fromLogged),
    audit: entries.findLast((entry) => entry.audit)?.audit,
  };
}

function checkEntry(at: number, entry: LogEntry, serial: string): void {
  if (typeof entry.format === 'number' && entry.format !== STATE_FORMAT) {
    throw new StateStoreError(
      at,
      `format ${entry.format} is unknown to this version, which reads format ${STATE_FORMAT}: serve it with the version that wrote it`,
    );
  }
  const violation = violationIn(logEntryShape, entry, 'record');
  if (violation) throw new StateStoreError(at, describeViolation(violation));
  if (entry.serial !== undefined && entry.serial !== serial) {
    throw new StateStoreError(at, `this is the storage of array ${entry.serial}, not of ${serial}`);
  }
}

export async function openStateStore(storage: Storage, serial: string, initial: () => ArrayState): Promise<StateStore> {
  let logged: ArrayState | undefined;
  let pending: RememberedRequest | undefined;
  let requests = createRequestTable();
  let audit: ChainEnd | undefined;
  let durableEnd: (() => ChainEnd) | undefined;
  const marks = { format: STATE_FORMAT, serial };
  const opened = await openStateLog<LogEntry>(
    storage,
    () => [
      {
        ...marks,
        state: logged!,
        requests: [...requests.entries(), ...(pending ? [pending] : [])].map(toLogged),
        ...(audit && { audit }),
      },
    ],
    (records) => {
      const tables = tablesOf(records, serial);
      requests = createRequestTable({ entries: tables.requests });
      logged = tables.state;
      audit = tables.audit;
    },
  );
  logged ??= initial();
  let current = logged;
  let tail: Promise<unknown> = Promise.resolve();
  let hasFailed = false;
  let reportFailure: (error: unknown) => void = () => undefined;
  const failed = new Promise<unknown>((resolve) => {
    reportFailure = resolve;
  });

  async function commit(
    change: (state: ArrayState) => ArrayState,
    decide?: (before: ArrayState, after: ArrayState) => Decision,
  ): Promise<{ before: ArrayState; after: ArrayState }> {
    const before = current;
    const after = countChanges(before, change(before));
    if (after === before && !decide) return { before, after };
    const decision = decide?.(before, after);
    pending = decision && requests.entryFor(decision.request, decision.outcome);
    logged = after;
    await append({
      ...(after === before ? {} : { ...marks, state: after }),
      ...(pending ? { requests: [toLogged(pending)] } : {}),
    });
    if (pending) requests.remember(pending);
    pending = undefined;
    current = after;
    return { before, after };
  }

  async function append(entry: LogEntry): Promise<void> {
    const end = durableEnd?.();
    const isNew = end !== undefined && end.seq !== audit?.seq;
    if (isNew) audit = end;
    try {
      await opened.log.append(isNew ? { ...entry, audit: end } : entry);
    } catch (error) {
      hasFailed = true;
      reportFailure(error);
      throw error;
    }
  }

  return {
    state: () => current,
    group: (name) => current.groups.find((group) => group.name === name),
    requests,
    failed,
    hasFailed: () => hasFailed,
    update(change, decide) {
      const result = tail.then(() => commit(change, decide));
      tail = result.catch(() => undefined);
      return result;
    },
    auditEnd: () => audit,
    attestWith(end) {
      durableEnd = end;
    },
    attest() {
      const result = tail.then(async () => {
        if (durableEnd && durableEnd().seq !== audit?.seq) await append({});
      });
      tail = result.catch(() => undefined);
      return result;
    },
    close: () => opened.log.close(),
  };
}

function toLogged(request: RememberedRequest): LoggedRequest {
  return { ...request, editedData: Buffer.from(request.editedData).toString('base64') };
}

function fromLogged(request: LoggedRequest): RememberedRequest {
  return { ...request, editedData: new Uint8Array(Buffer.from(request.editedData, 'base64')) };
}

/** Each change of a group has a number, so that it can be told how far a side had come when it was seen. */
function countChanges(before: ArrayState, after: ArrayState): ArrayState {
  if (after.groups === before.groups) return after;
  const changes = (before.groupChanges ?? 0) + 1;
  const groups = after.groups.map((group) => (before.groups.includes(group) ? group : { ...group, changes }));
  return { ...after, groups, groupChanges: changes };
}

/** The state with one group replaced; the same state where the group is the same. */
export function withGroup(state: ArrayState, name: string, change: (group: GroupState) => GroupState): ArrayState {
  const index = state.groups.findIndex((group) => group.name === name);
  const group = state.groups[index];
  if (!group) return state;
  const next = change(group);
  return next === group ? state : { ...state, groups: state.groups.with(index, next) };
}
