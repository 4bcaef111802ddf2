import { encodeRequestPart, decodeSlot } from '../../src/interface-block/block.ts';
import { randomBytes } from 'node:crypto';
import { decodeChallenge } from '../../src/interface-block/challenge.ts';
import { CHALLENGE_OFFSET, FIRST_SLOT_OFFSET, SLOT_SIZE } from '../../src/interface-block/geometry.ts';
import { signRequestPart, type SigningKey } from '../../src/interface-block/signature.ts';
import { encodeRequest } from '../../src/interface-block/message.ts';
import { PROCESSES, type ProcessName, type RequestOf } from '../../src/interface-block/process-table.ts';
import { statusName } from '../../src/interface-block/status.ts';
import type { Lun } from '../../src/lun/lun.ts';

/** Interface blocks as whoever reaches the LUN may write them, without the client that keeps to the rules; blocks of 512 bytes. */

export function blockOf<N extends ProcessName>(
  process: N,
  header: RequestOf<N>['header'],
  more: { readonly requestId: string; readonly arraySerial: string; readonly admissionNumber?: number },
): Uint8Array {
  return encodeRequestPart({
    process: PROCESSES[process].number,
    editedDataWanted: true,
    admissionNumber: 0,
    page: 0,
    host: 'root@db1:7',
    input: encodeRequest(process, { header, rows: [] } as unknown as RequestOf<N>),
    ...more,
  });
}

/** The challenge that a command device shows; throws where it shows none. */
export async function challengeOf(lun: Lun): Promise<string> {
  await lun.capacity();
  const read = decodeChallenge(await lun.read(CHALLENGE_OFFSET / 512, 8));
  if (!read.ok || read.value === undefined) throw new Error('no challenge');
  return read.value;
}

/** The block, signed as the holder of the key signs it at this moment. */
export async function signedFor(lun: Lun, block: Uint8Array, key: SigningKey): Promise<Uint8Array> {
  const copy = block.slice();
  signRequestPart(copy, key, { challenge: await challengeOf(lun), nonce: randomBytes(8).toString('hex') });
  return copy;
}

const lbaOf = (slot: number): number => (FIRST_SLOT_OFFSET + slot * SLOT_SIZE) / 512;

export async function submitBlock(lun: Lun, block: Uint8Array, slot: number): Promise<void> {
  await lun.capacity();
  await lun.write(lbaOf(slot), block);
}

/** Takes the answer out of the slot: name of its status. */
export async function takeAnswer(lun: Lun, slot: number): Promise<string> {
  await lun.capacity();
  for (;;) {
    const content = decodeSlot(await lun.read(lbaOf(slot), SLOT_SIZE / 512));
    if (!content.ok || content.value.state === 'free') throw new Error('no answer');
    if (content.value.state === 'complete') return statusName(content.value.status) ?? 'unknown';
  }
}

/** Waits for the answer without taking it: a READ of a part of the slot takes nothing. */
export async function awaitAnswer(lun: Lun, slot: number): Promise<void> {
  await lun.capacity();
  const executing = 'executing';
  for (let state: string = executing; state === executing;) {
    const bytes = new Uint8Array(SLOT_SIZE);
    bytes.set(await lun.read(lbaOf(slot), SLOT_SIZE / 512 - 1));
    const content = decodeSlot(bytes);
    state = content.ok ? content.value.state : 'unreadable';
  }
}

export async function writeBlock(lun: Lun, block: Uint8Array, slot: number): Promise<string> {
  await submitBlock(lun, block, slot);
  return takeAnswer(lun, slot);
}
