import { createHash, timingSafeEqual } from 'node:crypto';
import { decoded, violated, type Decoded } from '../base/violation.ts';

/**
 * CHAP as iSCSI uses it (RFC 7143 section 12.1.3; algorithms of RFC 7143 and IANA "PPP Authentication Algorithms"):
 * response = hash(identifier, secret, challenge). These are the computations that both roles share.
 */
export const CHAP_ALGORITHMS: ReadonlyMap<number, string> = new Map([
  [5, 'md5'],
  [6, 'sha1'],
  [7, 'sha256'],
  [8, 'sha3-256'],
]);

/** Numbers of `CHAP_ALGORITHMS`. */
export const STRONGEST_FIRST: readonly number[] = [8, 7, 6, 5];
/** Throws on a name that is not in the table. */
export function chapAlgorithmNumber(name: string): number {
  for (const [algorithm, known] of CHAP_ALGORITHMS) if (known === name) return algorithm;
  throw new RangeError(`unknown CHAP algorithm ${name}`);
}

export const CHAP_CHALLENGE_LENGTH = 32;
/** RFC 7143 section 12.1.3: no binary value is longer. */
export const MAX_BINARY_LENGTH = 1024;

export interface ChapCredentials {
  readonly name: string;
  readonly secret: string;
}

/** `identifier` is one byte. Throws on an algorithm that is not in the table. */
export function chapResponse(algorithm: number, identifier: number, secret: string, challenge: Uint8Array): Uint8Array {
  const hash = CHAP_ALGORITHMS.get(algorithm);
  if (!hash) throw new RangeError(`unknown CHAP algorithm ${algorithm}`);
  return createHash(hash).update(Uint8Array.of(identifier)).update(secret, 'utf8').update(challenge).digest();
}

/** Compares in constant time. */
export function chapResponseMatches(expected: Uint8Array, got: Uint8Array): boolean {
  return expected.length === got.length && timingSafeEqual(expected, got);
}

/**
 * The strongest of an offered CHAP_A list that is known here and `allowed`, whatever the order of the list; undefined where
 * there is none.
 */
export function chooseChapAlgorithm(offered: string, allowed: readonly number[] = STRONGEST_FIRST): number | undefined {
  const numbers = offered.split(',').map(Number);
  return STRONGEST_FIRST.find((algorithm) => numbers.includes(algorithm) && allowed.includes(algorithm));
}

/** A binary value as hexadecimal text (RFC 7143 section 6.1). */
export function encodeBinaryValue(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString('hex')}`;
}

/** Hexadecimal (0x) or base64 (0b), at most 1024 bytes. */
export function decodeBinaryValue(key: string, text: string): Decoded<Uint8Array> {
  if (text.length > 2 * MAX_BINARY_LENGTH + 2) {
    return violated(key, `${text.length} characters`, `at most ${MAX_BINARY_LENGTH} bytes`);
  }
  const digits = text.slice(2);
  if (/^0x[0-9a-f]+$/i.test(text)) {
    return decoded(new Uint8Array(Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex')));
  }
  if (/^0b[A-Za-z0-9+/]+={0,2}$/i.test(text) && digits.length % 4 === 0) {
    const bytes = new Uint8Array(Buffer.from(digits, 'base64'));
    if (bytes.length <= MAX_BINARY_LENGTH) return decoded(bytes);
    return violated(key, `${bytes.length} bytes`, `at most ${MAX_BINARY_LENGTH} bytes`);
  }
  return violated(key, JSON.stringify(text.slice(0, 20)), 'a number in hexadecimal (0x) or base64 (0b)');
}
