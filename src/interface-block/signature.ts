import { createHmac, timingSafeEqual } from 'node:crypto';
import { CONTROL_CRC_OFFSET, CONTROL_PARAMETER } from './control-parameter.ts';
import { fromHex, toHex } from '../base/bytes.ts';
import { sealAt } from './checksum.ts';
import { WRITE_UNIT } from './geometry.ts';

/**
 * A request part that is signed bears the name of a key and the HMAC-SHA-256 of its 4096 bytes under that key, with the
 * signature itself and the CRC of the control parameter taken as zeros. So nothing of it can be another: process, input,
 * request id, array, admission number, page, host. It answers the challenge that the array shows, and bears a nonce, so that
 * the array takes the very same bytes once: whoever has overheard them has nothing. The same request is signed anew instead.
 */

/** Of the fields of the control parameter (`control-parameter.ts`). */
const NAME_AT = 156;
const NAME_SIZE = 32;
const MAC_AT = 188;
const MAC_SIZE = 32;
const CHALLENGE_AT = 220;
const NONCE_AT = 236;
const SIGNED_END = 244;

export interface SigningKey {
  /** 1 to 32 bytes. */
  readonly name: string;
  readonly key: Uint8Array;
}

/** What makes each signature another one. */
export interface Freshness {
  /** As the array shows it: 16 bytes as hex. */
  readonly challenge: string;
  /** Random: 8 bytes as hex. */
  readonly nonce: string;
}

/** Signs the 4096 bytes of a request part in place; without `freshness` for an array that shows no challenge. */
export function signRequestPart(block: Uint8Array, { name, key }: SigningKey, freshness?: Freshness): void {
  const text = new TextEncoder().encode(name);
  if (block.length !== WRITE_UNIT || text.length === 0 || text.length > NAME_SIZE) {
    throw new RangeError(`a request part cannot be signed with key ${JSON.stringify(name)}`);
  }
  block.fill(0, NAME_AT, SIGNED_END);
  block.set(text, NAME_AT);
  if (freshness) {
    block.set(fromHex(freshness.challenge), CHALLENGE_AT);
    block.set(fromHex(freshness.nonce), NONCE_AT);
  }
  block.set(macOf(block, key), MAC_AT);
  sealAt(block, CONTROL_CRC_OFFSET);
}

/** Name of the key with which a block says to be signed; undefined where it is not, or is no block. */
export function signatureNameOf(block: Uint8Array): string | undefined {
  const control = CONTROL_PARAMETER.decode(block);
  if (!control.ok) return undefined;
  const { keyName, mac } = control.value;
  return keyName === '' && /^0+$/.test(mac) ? undefined : keyName;
}

/** The challenge that a block answers, zeros for none, and its HMAC; both as hex, of a block that is signed. */
export function signatureOf(block: Uint8Array): { readonly challenge: string; readonly mac: string } {
  const mac = toHex(block.subarray(MAC_AT, MAC_AT + MAC_SIZE));
  return { challenge: toHex(block.subarray(CHALLENGE_AT, NONCE_AT)), mac };
}

/** In constant time. */
export function verifySignature(block: Uint8Array, key: Uint8Array): boolean {
  if (block.length !== WRITE_UNIT) return false;
  return timingSafeEqual(macOf(block, key), block.subarray(MAC_AT, MAC_AT + MAC_SIZE));
}

function macOf(block: Uint8Array, key: Uint8Array): Uint8Array {
  const copy = block.slice();
  copy.fill(0, MAC_AT, MAC_AT + MAC_SIZE);
  copy.fill(0, CONTROL_CRC_OFFSET, CONTROL_CRC_OFFSET + 4);
  return createHmac('sha256', key).update(copy).digest();
}
