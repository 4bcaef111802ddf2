import { UNPRINTABLE } from '../base/unprintable.ts';

const LENGTH_LIMIT = 500;

/** What a device said, fit for one line of a terminal: nothing that it obeys or that nobody sees, and bounded. */
export function escapeText(text: string): string {
  const cut = text.length > LENGTH_LIMIT ? `${text.slice(0, LENGTH_LIMIT)}...` : text;
  return cut.replace(UNPRINTABLE, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/** Of UTF-8 for one of UTF-16's code units. */
const MOST_BYTES = 3;

/** The longest beginning of `text` that has at most `byteLimit` bytes of UTF-8 and no zero in it. */
export function fitText(text: string, byteLimit: number): string {
  if (text.length * MOST_BYTES <= byteLimit && !text.includes('\0')) return text;
  let fitted = '';
  let bytes = 0;
  for (const character of text.replaceAll('\0', '')) {
    bytes += new TextEncoder().encode(character).length;
    if (bytes > byteLimit) break;
    fitted += character;
  }
  return fitted;
}
