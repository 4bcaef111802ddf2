import { randomHex, type Random } from '../../base/random.ts';
import type { AuditLog, NewEntry } from './audit-log.ts';
import { fitRecord } from './record.ts';

/** What the management terminal (207) is asked, as the audit tells of it. */
export interface ManagementCall {
  readonly operation: string;
  /** The whole request, as JSON. */
  readonly asked: string;
  /** Who asks, in the asker's own words: whoever may open the socket owns the directory of the array. */
  readonly by: string;
  /** It changes nothing. */
  readonly query: boolean;
}

type Refused = { readonly ok: false; readonly message: string };
type Answer = { readonly ok: true; readonly note?: string } | Refused;

/** Every management command goes through here, as those of hosts go through `ConductCommand`. */
export interface ManagementControl {
  /** Durable in the audit before it is carried out, and its end before it is answered. */
  conduct<A extends Answer>(call: ManagementCall, carryOut: () => Promise<A>): Promise<A | Refused>;
  /** What is not even tried: the answer, durable in the audit. */
  refuse(call: ManagementCall, message: string): Promise<Refused>;
}

export interface ManagementControlParts {
  /** Absent where nothing is recorded. */
  readonly audit: AuditLog | undefined;
  readonly auditQueries: () => boolean;
  readonly random: Random;
  readonly log: (text: string) => void;
}

/** Bytes in the record. */
const BY_LIMIT = 64;
const ASKED_LIMIT = 1024;
const WHY_LIMIT = 512;

export function createManagementControl(parts: ManagementControlParts): ManagementControl {
  const { audit, auditQueries, random, log } = parts;

  async function change<A extends Answer>(entry: Omit<NewEntry, 'event'>, carryOut: () => Promise<A>) {
    const begun = { ...entry, requestId: randomHex(random, 16) };
    try {
      await audit?.append({ event: 'begun', ...begun });
    } catch (error) {
      return refused(`not executed, because the audit cannot be written: ${String(error)}`);
    }
    const outcome = await carryOut().catch(async (error: unknown) => {
      await end(begun, refused(String(error)));
      throw error;
    });
    await end(begun, outcome);
    return outcome;
  }

  async function end({ asked: _asked, ...entry }: Omit<NewEntry, 'event'>, outcome: Answer): Promise<void> {
    try {
      await audit?.append({ event: 'ended', ...entry, ...statusOf(outcome) });
    } catch (error) {
      log(`the audit lacks the end of ${entry.process}: ${String(error)}`);
    }
  }

  async function query<A extends Answer>(entry: Omit<NewEntry, 'event'>, carryOut: () => Promise<A>) {
    const outcome = await carryOut();
    if (!auditQueries()) return outcome;
    try {
      await audit?.append({ event: 'answered', ...entry, ...statusOf(outcome) });
    } catch (error) {
      return refused(`not answered, because the audit cannot be written: ${String(error)}`);
    }
    return outcome;
  }

  return {
    conduct: (call, carryOut) => (call.query ? query : change)(entryOf(call), carryOut),
    async refuse(call, message) {
      try {
        await audit?.append({ event: 'refused', ...entryOf(call), ...statusOf(refused(message)) });
        return refused(message);
      } catch (error) {
        log(`the audit lacks a refusal: ${String(error)}`);
        return refused(`refused, and the audit cannot be written: ${String(error)}`);
      }
    },
  };
}

const refused = (message: string): Refused => ({ ok: false, message });

function entryOf({ operation, asked, by }: ManagementCall): Omit<NewEntry, 'event'> {
  return {
    manager: fitRecord(by, BY_LIMIT),
    process: `management ${fitRecord(operation, BY_LIMIT)}`,
    asked: fitRecord(asked, ASKED_LIMIT),
  };
}

function statusOf(answer: Answer): Pick<NewEntry, 'status' | 'why'> {
  if (!answer.ok) return { status: 'refused', why: fitRecord(answer.message, WHY_LIMIT) };
  return { status: 'ok', ...(answer.note !== undefined && { why: fitRecord(answer.note, WHY_LIMIT) }) };
}
