import { SCSI_STATUS } from '../scsi/fault.ts';
import { decodeSense, SENSE_KEY, type DecodedSense } from '../scsi/sense.ts';
import { describeSense } from '../scsi/sense-words.ts';
import type { LunErrorKind } from './lun.ts';

/** What is to be done about a command that did not end with GOOD. */
export interface ScsiJudgement {
  readonly kind: LunErrorKind;
  /** Whether a write that ended like this may have changed the medium. */
  readonly outcome: 'not-done' | 'unknown';
  /**
   * `at-once`: it was not executed and may be sent again; `after-pause`: the same, when the device has had time;
   * `if-repeatable`: it may have been executed; `never`: the answer would be the same.
   */
  readonly again: 'at-once' | 'after-pause' | 'if-repeatable' | 'never';
  /** In the words of the standard. */
  readonly words: string;
  readonly sense: DecodedSense | undefined;
}

interface Row {
  readonly status?: number;
  readonly key?: number;
  readonly asc?: number;
  readonly ascq?: number;
  readonly means: Pick<ScsiJudgement, 'kind' | 'outcome' | 'again'>;
}

const { busy, reservationConflict, taskSetFull, taskAborted, acaActive } = SCSI_STATUS;
const { notReady, illegalRequest, unitAttention, dataProtect, abortedCommand } = SENSE_KEY;

/** From the special to the general; the first row that fits counts. Anything else is the last row. */
const ROWS: readonly Row[] = [
  row({ status: reservationConflict }, 'reservation-conflict', 'not-done', 'never'),
  row({ status: busy }, 'busy', 'not-done', 'after-pause'),
  row({ status: taskSetFull }, 'task-set-full', 'not-done', 'after-pause'),
  row({ status: acaActive }, 'busy', 'not-done', 'after-pause'),
  row({ status: taskAborted }, 'io-error', 'unknown', 'if-repeatable'),
  row({ key: unitAttention }, 'unit-attention', 'not-done', 'at-once'),
  row({ key: notReady, asc: 0x04, ascq: 0x01 }, 'not-ready', 'not-done', 'after-pause'),
  row({ key: notReady, asc: 0x04, ascq: 0x0a }, 'not-ready', 'not-done', 'after-pause'),
  row({ key: notReady, asc: 0x3a }, 'no-medium', 'not-done', 'never'),
  row({ key: notReady }, 'not-ready', 'not-done', 'never'),
  row({ key: illegalRequest, asc: 0x25 }, 'no-such-lun', 'not-done', 'never'),
  row({ key: illegalRequest }, 'check-condition', 'not-done', 'never'),
  // The pool behind a thin volume is full: nothing that a write-protect switch could change.
  row({ key: dataProtect, asc: 0x27, ascq: 0x07 }, 'check-condition', 'unknown', 'never'),
  row({ key: dataProtect }, 'write-protected', 'not-done', 'never'),
  row({ key: abortedCommand }, 'check-condition', 'unknown', 'if-repeatable'),
  row({ status: SCSI_STATUS.checkCondition }, 'check-condition', 'unknown', 'never'),
  row({}, 'io-error', 'unknown', 'never'),
];

const STATUS_WORDS: Readonly<Record<number, string>> = {
  [reservationConflict]: 'RESERVATION CONFLICT: the unit is reserved for another host',
  [busy]: 'BUSY: the device can take no command now',
  [taskSetFull]: 'TASK SET FULL: the device has as many commands as it can hold',
  [acaActive]: 'ACA ACTIVE: an earlier failure blocks the unit',
  [taskAborted]: 'TASK ABORTED: another host aborted the command',
};

/** Undefined: the command has been executed. `sense` is what came with CHECK CONDITION. */
export function judgeScsiOutcome(status: number, sense: Uint8Array | undefined): ScsiJudgement | undefined {
  if (status === SCSI_STATUS.good || status === SCSI_STATUS.conditionMet) return undefined;
  if (status !== SCSI_STATUS.checkCondition) {
    return { ...find({ status }), words: STATUS_WORDS[status] ?? `SCSI status 0x${hex(status)}`, sense: undefined };
  }
  const decoded = sense && decodeSense(sense);
  if (!decoded?.ok) {
    const words = 'CHECK CONDITION without sense data that could be read';
    return { kind: 'check-condition', outcome: 'unknown', again: 'if-repeatable', words, sense: undefined };
  }
  const { value } = decoded;
  if (value.deferred) return { ...deferredFailure(value), sense: value };
  if (value.key === SENSE_KEY.noSense || value.key === SENSE_KEY.recoveredError) return undefined;
  return {
    ...find({ status, key: value.key, asc: value.asc, ascq: value.ascq }),
    words: describeSense(value),
    sense: value,
  };
}

/** A write that was answered with GOOD before has failed since (SPC-4 4.5.5); this command was not executed. */
function deferredFailure(sense: DecodedSense): Omit<ScsiJudgement, 'sense'> {
  const words = `an earlier write that was acknowledged has failed: ${describeSense(sense)}`;
  return { kind: 'check-condition', outcome: 'not-done', again: 'never', words };
}

function find(facts: { status: number; key?: number; asc?: number; ascq?: number }): Row['means'] {
  const fits = (wanted: number | undefined, got: number | undefined): boolean => wanted === undefined || wanted === got;
  return ROWS.find(
    (candidate) =>
      fits(candidate.status, facts.status) &&
      fits(candidate.key, facts.key) &&
      fits(candidate.asc, facts.asc) &&
      fits(candidate.ascq, facts.ascq),
  )!.means;
}

function row(
  when: Omit<Row, 'means'>,
  kind: LunErrorKind,
  outcome: ScsiJudgement['outcome'],
  again: ScsiJudgement['again'],
): Row {
  return { ...when, means: { kind, outcome, again } };
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
