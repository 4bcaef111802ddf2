import { fromHex, writeU32 } from '../base/bytes.ts';
import { OPCODE, SERVICE_ACTION } from './opcode.ts';
import { BASIC_LIST_LENGTH, RESERVATION_TYPE, ZERO_KEY, type ReservationType } from './persistent-reservation.ts';

/** PERSISTENT RESERVE OUT as an initiator uses it (SPC-4 6.16). */

export const RESERVATION_WORDS: Readonly<Record<ReservationType, string>> = {
  [RESERVATION_TYPE.writeExclusive]: 'write-exclusive',
  [RESERVATION_TYPE.exclusiveAccess]: 'exclusive-access',
  [RESERVATION_TYPE.writeExclusiveRegistrantsOnly]: 'write-exclusive-registrants-only',
  [RESERVATION_TYPE.exclusiveAccessRegistrantsOnly]: 'exclusive-access-registrants-only',
  [RESERVATION_TYPE.writeExclusiveAllRegistrants]: 'write-exclusive-all-registrants',
  [RESERVATION_TYPE.exclusiveAccessAllRegistrants]: 'exclusive-access-all-registrants',
};

/** A type in words; "type 15" where the standard has none. */
export function reservationWords(type: number): string {
  return (RESERVATION_WORDS as Readonly<Record<number, string>>)[type] ?? `type ${type}`;
}

export function reservationTypeOf(words: string): ReservationType | undefined {
  const found = Object.entries(RESERVATION_WORDS).find(([, name]) => name === words);
  return found && (Number(found[0]) as ReservationType);
}

export type PersistentOutAction =
  | 'register'
  | 'registerAndIgnoreExistingKey'
  | 'reserve'
  | 'release'
  | 'clear'
  | 'preempt'
  | 'preemptAndAbort';

export interface PersistentOut {
  readonly action: PersistentOutAction;
  /** RESERVATION KEY: the one that this nexus has registered; zeros where it has none. */
  readonly key?: string;
  /** SERVICE ACTION RESERVATION KEY: the new key, or the one to preempt. */
  readonly serviceActionKey?: string;
  readonly type?: ReservationType;
  /** APTPL: keep the registration through a power loss. */
  readonly throughPowerLoss?: boolean;
}

/** The command and its parameter list. */
export function persistentOut(out: PersistentOut): { readonly cdb: Uint8Array; readonly list: Uint8Array } {
  const { action, key = ZERO_KEY, serviceActionKey = ZERO_KEY, type = 0, throughPowerLoss = false } = out;
  const cdb = new Uint8Array(10);
  cdb.set([OPCODE.persistentReserveOut, SERVICE_ACTION[action], type]);
  writeU32(cdb, 5, BASIC_LIST_LENGTH);
  const list = new Uint8Array(BASIC_LIST_LENGTH);
  list.set(fromHex(key), 0);
  list.set(fromHex(serviceActionKey), 8);
  list[20] = throughPowerLoss ? 0x01 : 0;
  return { cdb, list };
}
