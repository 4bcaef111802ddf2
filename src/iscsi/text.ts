import { decoded, violated, type Decoded } from '../base/violation.ts';

/**
 * Text segments of Login and Text PDUs (RFC 7143 section 6.1): `key=value` pairs in UTF-8, each ended by a zero byte.
 * A text may go over several PDUs, all but the last with the C bit; it may be cut anywhere, even inside a key.
 */
export type TextPair = readonly [key: string, value: string];

const MAX_KEY_LENGTH = 63;
/** Bytes of one text over all its PDUs; bounds what a peer can make this side keep. */
const MAX_TEXT_LENGTH = 64 * 1024;
const KEY = /^[A-Za-z][A-Za-z0-9.\-+@_#]*$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Throws where a key is none or a value holds a zero byte. */
export function encodeText(pairs: readonly TextPair[]): Uint8Array {
  let text = '';
  for (const [key, value] of pairs) {
    if (!KEY.test(key) || key.length > MAX_KEY_LENGTH) throw new RangeError(`not a key: ${JSON.stringify(key)}`);
    if (value.includes('\0')) throw new RangeError(`a zero byte in the value of ${key}`);
    text += `${key}=${value}\0`;
  }
  return encoder.encode(text);
}

/** The pairs in their order; empty entries (stray zero bytes) are left out. */
export function decodeText(bytes: Uint8Array): Decoded<TextPair[]> {
  if (bytes.length > 0 && bytes[bytes.length - 1] !== 0) {
    return violated('text', 'no zero byte at the end', 'every pair ended by a zero byte');
  }
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return violated('text', 'bytes that are not UTF-8', 'UTF-8');
  }
  const pairs: TextPair[] = [];
  for (const entry of text.split('\0')) {
    if (entry === '') continue;
    const equals = entry.indexOf('=');
    const key = entry.slice(0, Math.max(equals, 0));
    if (!KEY.test(key) || key.length > MAX_KEY_LENGTH) {
      return violated('text key', JSON.stringify(entry.slice(0, MAX_KEY_LENGTH + 1)), 'key=value');
    }
    pairs.push([key, entry.slice(equals + 1)]);
  }
  return decoded(pairs);
}

/** Cuts a text into the data segments of successive PDUs; at least one, though it may be empty. */
export function splitText(text: Uint8Array, maxSegmentLength: number): Uint8Array[] {
  const segments: Uint8Array[] = [];
  for (let at = 0; at < text.length; at += maxSegmentLength) segments.push(text.subarray(at, at + maxSegmentLength));
  return segments.length > 0 ? segments : [text];
}

/** Puts the segments of a text together again. */
export interface TextCollector {
  /** The pairs once the segment without the C bit is there; undefined while more is to come. */
  append(segment: Uint8Array, continues: boolean): Decoded<TextPair[] | undefined>;
}

export function createTextCollector(): TextCollector {
  let segments: Uint8Array[] = [];
  let length = 0;
  return {
    append(segment, continues) {
      length += segment.length;
      if (length > MAX_TEXT_LENGTH) return violated('text', `${length} bytes`, `at most ${MAX_TEXT_LENGTH}`);
      // Empty ones without end would cost memory too.
      if (segment.length > 0 || !continues) segments.push(segment);
      if (continues) return decoded(undefined);
      const whole = segments.length === 1 ? segment : Buffer.concat(segments);
      segments = [];
      length = 0;
      return decodeText(whole);
    },
  };
}
