import type { ReservationChange, ReservationReport } from '../lun/examination.ts';
import { usageError } from './cli-error.ts';
import { confirmName } from './confirm.ts';
import type { CommandContext } from './context.ts';
import type { CommandResult } from './definition.ts';
import { withLun } from './lun-selector.ts';

export interface LunReserve {
  readonly path: string;
  /** Absent where the reservations were only looked at. */
  readonly change?: { readonly command: ReservationChange; readonly words: string };
  readonly done: boolean;
  readonly dryRun: boolean;
  /** As they stand afterwards. */
  readonly reservations: ReservationReport;
}

export interface ChangeRequest {
  readonly selector: string;
  /** The key of this host, as `parseKey` gives it. */
  readonly key: string;
  command(before: ReservationReport): ReservationChange;
  /** "register key 0x...". */
  readonly words: string;
  /** The change takes something from others: what it does, for whoever must confirm it. */
  readonly consequence?: string;
  /** True where the reservations are already as wanted: nothing is sent. */
  alreadySo(before: ReservationReport): boolean;
}

/**
 * One change, as the initiator port that goes with the key on this host. Safe to run again: what is already so is not sent;
 * whether anything changed is judged by what the device says before and after.
 */
export async function changeReservation(
  request: ChangeRequest,
  context: CommandContext,
): Promise<CommandResult<LunReserve>> {
  const { selector, key, words, consequence } = request;
  const { timeoutMs, dryRun } = context;
  return withLun(
    context,
    selector,
    async ({ lun, access }) => {
      const before = await access.readReservations(lun, timeoutMs);
      const command = request.command(before);
      const facts = { path: lun.path, change: { command, words }, dryRun };
      if (request.alreadySo(before)) return { changed: false, data: { ...facts, done: false, reservations: before } };
      if (consequence !== undefined) await confirmName(context, selector, consequence);
      if (dryRun) return { changed: false, data: { ...facts, done: false, reservations: before } };
      await access.changeReservations(lun, command, timeoutMs);
      const after = await access.readReservations(lun, timeoutMs);
      const changed = substance(before) !== substance(after);
      return { changed, data: { ...facts, done: changed, reservations: after } };
    },
    { reservationKey: key },
  );
}

/** PRGENERATION counts commands, not what they changed. */
function substance({ keys, held, registrations }: ReservationReport): string {
  return JSON.stringify([keys.toSorted(), held, registrations]);
}

/** 1 to 16 hex digits, with or without 0x, not zero; as 16 digits. */
export function parseKey(text: string, option = '--key'): string {
  const digits = /^(?:0x)?([0-9a-f]{1,16})$/i.exec(text)?.[1]?.toLowerCase().padStart(16, '0');
  if (digits !== undefined && !/^0+$/.test(digits)) return digits;
  throw usageError(
    `"${text}" is no reservation key`,
    'a key is 1 to 16 hexadecimal digits, and not zero',
    `correct ${option}`,
  );
}

/** The key that makes a command come as a registered initiator port. */
export function optionalKey(text: string | undefined): string | undefined {
  return text === undefined ? undefined : parseKey(text, '--reservation-key');
}
