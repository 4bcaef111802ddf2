import { describeViolation, type Decoded } from '../base/violation.ts';
import { decodeChallenge } from '../interface-block/challenge.ts';
import {
  CHALLENGE_OFFSET,
  CHALLENGE_SIZE,
  COMMAND_DEVICE_SIZE,
  LABEL_SIZE,
  WRITE_UNIT,
} from '../interface-block/geometry.ts';
import { decodeLabel, type Label } from '../interface-block/label.ts';
import type { IoOptions, Lun, LunCapacity } from '../lun/lun.ts';
import { CommandError } from './command-error.ts';
import { escapeText } from './escape-text.ts';

/** A LUN whose label has just been read and found to be that of the expected array. */
export interface ProvenDevice {
  readonly lun: Lun;
  readonly blockSize: number;
  readonly label: Label;
  /** What signatures must answer: only where it was asked for, and the array has one. */
  readonly challenge?: string;
}

/** The label of a LUN, or why it has none. Reads only; rejects with `LunError`. */
export async function readLabel(lun: Lun, options?: IoOptions, capacity?: LunCapacity): Promise<Decoded<Label>> {
  const { blockSize } = capacity ?? (await lun.capacity(options));
  return decodeLabel(await lun.read(0, Math.ceil(LABEL_SIZE / blockSize), options));
}

interface Head {
  readonly label: Decoded<Label>;
  readonly challenge: Decoded<string | undefined>;
}

/** Label and challenge with one READ, so that both are of one life of the array. */
async function readHead(lun: Lun, { blockSize }: LunCapacity, options?: IoOptions): Promise<Head> {
  const bytes = await lun.read(0, (CHALLENGE_OFFSET + CHALLENGE_SIZE) / blockSize, options);
  return { label: decodeLabel(bytes), challenge: decodeChallenge(bytes.subarray(CHALLENGE_OFFSET)) };
}

const NO_CHALLENGE: Head['challenge'] = { ok: true, value: undefined };

/**
 * Promise 1: proves that a LUN is a command device of the array with this serial, before anything is written to it.
 * Rejects with `CommandError` `not-a-command-device` or `wrong-array`, and with `LunError`. A caller that knows the capacity
 * saves asking for it. `signing`: the challenge is read too.
 */
export async function proveCommandDevice(
  lun: Lun,
  expected: { readonly array: string; readonly serial: string; readonly signing?: boolean },
  options?: IoOptions,
  known?: LunCapacity,
): Promise<ProvenDevice> {
  const { array, serial } = expected;
  const path = lun.path;
  const capacity = known ?? (await lun.capacity(options));
  const { blockSize, blockCount } = capacity;
  if (WRITE_UNIT % blockSize !== 0 || blockSize * blockCount < COMMAND_DEVICE_SIZE) {
    const why = `${blockCount} blocks of ${blockSize} bytes cannot hold one`;
    throw new CommandError('not-a-command-device', array, `${path} is not a command device: ${why}`, { path });
  }
  const { label, challenge } = expected.signing
    ? await readHead(lun, capacity, options)
    : { label: await readLabel(lun, options, capacity), challenge: NO_CHALLENGE };
  if (!label.ok || !challenge.ok) {
    const why = escapeText(violationOf(label, challenge));
    throw new CommandError('not-a-command-device', array, `${path} is not a command device: ${why}`, { path });
  }
  if (label.value.arraySerial !== serial) {
    const found = `${escapeText(label.value.arraySerial)} (${escapeText(label.value.arrayName)})`;
    throw new CommandError('wrong-array', array, `${path} is a command device of ${found}, not of ${serial}`, { path });
  }
  return {
    lun,
    blockSize,
    label: label.value,
    ...(challenge.value !== undefined && { challenge: challenge.value }),
  };
}

function violationOf(...read: readonly Decoded<unknown>[]): string {
  const bad = read.find((part) => !part.ok);
  return bad ? describeViolation(bad.violation) : '';
}
