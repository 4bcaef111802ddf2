import { createHmac, timingSafeEqual } from 'node:crypto';
import { CONTROL_CRC_OFFSET, CONTROL_PARAMETER } from './control-parameter.ts';
import { sealAt } from './checksum.ts';
import { WRITE_UNIT } from './geometry.ts';

/**
 * A request part that is signed bears the name of a key and the HMAC-SHA-256 of its 4096 bytes under that key, with the
 * signature itself and the CRC of the control parameter taken as zeros. So nothing of it can be another: process, input,
 * request id, array, admission number, page, host. Written again it is the same request, which takes effect once.
 */
const NAME_OFFSET = 156;
const NAME_SIZE = 32;
const MAC_OFFSET = 188;
const MAC_SIZE = 32;

export interface SigningKey {
  /** 1 to 32 bytes. */
  readonly name: string;
  readonly key: Uint8Array;
}

/** Signs the 4096 bytes of a request part in place. */
export function signRequestPart(block: Uint8Array, { name, key }: SigningKey): void {
  const text = new TextEncoder().encode(name);
  if (block.length !== WRITE_UNIT || text.length === 0 || text.length > NAME_SIZE) {
    throw new RangeError(`a request part cannot be signed with key ${JSON.stringify(name)}`);
  }
  block.fill(0, NAME_OFFSET, MAC_OFFSET + MAC_SIZE);
  block.set(text, NAME_OFFSET);
  block.set(macOf(block, key), MAC_OFFSET);
  sealAt(block, CONTROL_CRC_OFFSET);
}

/** Name of the key with which a block says to be signed; undefined where it is not, or is no block. */
export function signatureNameOf(block: Uint8Array): string | undefined {
  const control = CONTROL_PARAMETER.decode(block);
  if (!control.ok) return undefined;
  const { keyName, mac } = control.value;
  return keyName === '' && /^0+$/.test(mac) ? undefined : keyName;
}

/** In constant time. */
export function verifySignature(block: Uint8Array, key: Uint8Array): boolean {
  if (block.length !== WRITE_UNIT) return false;
  return timingSafeEqual(macOf(block, key), block.subarray(MAC_OFFSET, MAC_OFFSET + MAC_SIZE));
}

function macOf(block: Uint8Array, key: Uint8Array): Uint8Array {
  const copy = block.slice();
  copy.fill(0, MAC_OFFSET, MAC_OFFSET + MAC_SIZE);
  copy.fill(0, CONTROL_CRC_OFFSET, CONTROL_CRC_OFFSET + 4);
  return createHmac('sha256', key).update(copy).digest();
}
