import type { ReservationChange, ReservationReport } from '../lun/examination.ts';
import { LunError } from '../lun/lun.ts';
import { CliError, usageError } from './cli-error.ts';
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
  /** Register the key first, in the same session: for targets that forget a registration when its session ends. */
  readonly register?: boolean | undefined;
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
      if (request.register) {
        await access.changeReservations(lun, { action: 'register', newKey: key, throughPowerLoss: false }, timeoutMs);
      }
      await access.changeReservations(lun, command, timeoutMs).catch((error: unknown) => {
        throw registers(command) ? error : notThisPort(error, { selector, key, command, host: access.initiatorName() });
      });
      const after = await access.readReservations(lun, timeoutMs);
      const changed = substance(before) !== substance(after);
      return { changed, data: { ...facts, done: changed, reservations: after } };
    },
    { reservationKey: key },
  );
}

/** A new key in the place of whatever the port has. */
function registers(command: ReservationChange): boolean {
  return command.action === 'register' && !/^0+$/.test(command.newKey);
}

/** PERSISTENT RESERVE OUT conflicts where the port has not registered this key, or another one holds the reservation. */
function notThisPort(
  error: unknown,
  asked: { selector: string; key: string; command: ReservationChange; host: string },
): unknown {
  const { selector, key, command, host } = asked;
  if (!(error instanceof LunError) || error.kind !== 'reservation-conflict') return error;
  const registering = 'register the key, or give --register where the target forgets it with the session';
  const ending = `where the target forgot the port with its session, end them all: cdctl lun reserve clear ${selector} --key ${key} --register`;
  return new CliError(
    'busy',
    {
      what: 'the LUN answered: reservation-conflict',
      where: error.path,
      why: `key 0x${key} is not registered by this host (${host}) in the eyes of the target, or another host holds the reservation`,
      next: `see both: cdctl lun reserve status ${selector}; ${command.action === 'register' ? ending : registering}`,
    },
    { kind: error.kind, path: error.path },
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
