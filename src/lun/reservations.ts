import { describeViolation, type Decoded } from '../base/violation.ts';
import { SERVICE_ACTION } from '../scsi/opcode.ts';
import {
  decodeFullStatus,
  decodeReadKeys,
  decodeReadReservation,
  decodeReservationCapabilities,
  persistentInCdb,
} from '../scsi/persistent-reservation-in.ts';
import { persistentOut, reservationTypeOf, reservationWords } from '../scsi/persistent-reservation-out.ts';
import { SENSE_KEY } from '../scsi/sense.ts';
import type { ReservationChange, ReservationReport } from './examination.ts';
import { LunError, type IoOptions, type Lun, type ScsiAccess } from './lun.ts';

/** Room for 500 keys; a device with more is asked again. */
const ALLOCATION_BYTES = 4096;
const LARGEST_ALLOCATION = 0xffff;

/** The SCSI side of a LUN. Throws `bad-argument` where it has none: a block device of the kernel. */
export function scsiOf(lun: Lun, wanted: string): ScsiAccess {
  if (lun.scsi) return lun.scsi;
  const why = `${wanted} needs SCSI commands of its own, which a block device of the kernel does not carry`;
  throw new LunError('bad-argument', lun.path, `${lun.path}: ${why}`, { about: 'needs-scsi' });
}

/** Who registered, who holds. Parts that older devices do not know are left out. Rejects with `LunError`. */
export async function readReservations(lun: Lun, options: IoOptions): Promise<ReservationReport> {
  const ask = asker(lun, options);
  const { generation, keys } = await ask('READ KEYS', SERVICE_ACTION.readKeys, decodeReadKeys).catch(
    (error: unknown) => {
      throw isUnknownCommand(error) ? hasNone(lun, error) : error;
    },
  );
  const { held } = await ask('READ RESERVATION', SERVICE_ACTION.readReservation, decodeReadReservation);
  const full = await known(ask('READ FULL STATUS', SERVICE_ACTION.readFullStatus, decodeFullStatus));
  const capabilities = await known(
    ask('REPORT CAPABILITIES', SERVICE_ACTION.reportCapabilities, decodeReservationCapabilities),
  );
  return {
    generation,
    keys,
    ...(held && { held: { key: held.key, type: reservationWords(held.type) } }),
    ...(full && {
      registrations: full.registrations.map(({ key, port, holds }) => ({
        key,
        port,
        ...(holds !== undefined && { holds: reservationWords(holds) }),
      })),
    }),
    ...(capabilities && { capabilities: inWords(capabilities) }),
  };
}

function isUnknownCommand(error: unknown): error is LunError {
  return error instanceof LunError && error.sense?.key === SENSE_KEY.illegalRequest && error.sense?.asc === 0x20;
}

function hasNone({ path }: Lun, { kind, sense }: LunError): LunError {
  const why = `${path}: the unit has no persistent reservations (it does not know PERSISTENT RESERVE IN)`;
  return new LunError(kind, path, why, sense && { sense });
}

function inWords(capabilities: {
  readonly throughPowerLossCapable: boolean;
  readonly throughPowerLossActive: boolean;
  readonly specifyInitiatorPorts: boolean;
  readonly allTargetPorts: boolean;
  readonly types?: readonly number[];
}): NonNullable<ReservationReport['capabilities']> {
  const { throughPowerLossCapable, throughPowerLossActive, specifyInitiatorPorts, allTargetPorts, types } =
    capabilities;
  return {
    throughPowerLossCapable,
    throughPowerLossActive,
    specifyInitiatorPorts,
    allTargetPorts,
    ...(types && { types: types.map(reservationWords) }),
  };
}

type Ask = <T>(name: string, serviceAction: number, decode: (bytes: Uint8Array) => Decoded<T>) => Promise<T>;

/** Asks again with more room where the answer is longer than there was room for. */
function asker(lun: Lun, options: IoOptions): Ask {
  const scsi = scsiOf(lun, 'PERSISTENT RESERVE IN');
  return async (name, serviceAction, decode) => {
    const what = `PERSISTENT RESERVE IN ${name}`;
    for (let dataInLength = ALLOCATION_BYTES; ; dataInLength = LARGEST_ALLOCATION) {
      const cdb = persistentInCdb(serviceAction, dataInLength);
      const bytes = await scsi.execute({ what, cdb, dataInLength, repeatable: true, ...options });
      const result = decode(bytes);
      if (!result.ok)
        throw new LunError('io-error', lun.path, `${lun.path}: ${what}: ${describeViolation(result.violation)}`);
      const { wholeLength = 0 } = result.value as { wholeLength?: number };
      if (wholeLength <= dataInLength || dataInLength === LARGEST_ALLOCATION) return result.value;
    }
  };
}

/** Undefined where the device does not know the question. */
async function known<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof LunError && error.kind === 'check-condition') return undefined;
    throw error;
  }
}

/**
 * Carries one change out, once: a command whose answer was lost is not sent again, since a key that was changed meanwhile
 * would make the second one fail. Rejects with `LunError`; `reservation-conflict` where the key is not this port's.
 */
export async function changeReservations(lun: Lun, change: ReservationChange, options: IoOptions): Promise<void> {
  const scsi = scsiOf(lun, 'PERSISTENT RESERVE OUT');
  const { cdb, list } = persistentOut(commandOf(change));
  const what = `PERSISTENT RESERVE OUT ${NAMES[change.action]}`;
  await scsi.execute({ what, cdb, dataOut: list, repeatable: false, ...options });
}

const NAMES: Readonly<Record<ReservationChange['action'], string>> = {
  register: 'REGISTER',
  reserve: 'RESERVE',
  release: 'RELEASE',
  clear: 'CLEAR',
  preempt: 'PREEMPT',
  preemptAndAbort: 'PREEMPT AND ABORT',
};

function commandOf(change: ReservationChange): Parameters<typeof persistentOut>[0] {
  if (change.action === 'register') {
    const { key, newKey, throughPowerLoss } = change;
    if (key !== undefined) return { action: 'register', key, serviceActionKey: newKey, throughPowerLoss };
    return { action: 'registerAndIgnoreExistingKey', serviceActionKey: newKey, throughPowerLoss };
  }
  if (change.action === 'clear') return change;
  const type = reservationTypeOf(change.type);
  if (type === undefined) throw new RangeError(`no reservation type: ${change.type}`);
  const { action, key } = change;
  return { action, key, type, ...('other' in change && { serviceActionKey: change.other }) };
}
