import { UNPRINTABLE } from '../../base/unprintable.ts';

/**
 * Text that a device, a peer or a file supplied, made safe to print: what is not printable becomes `\xNN` or `\u{NNNN}`, so that
 * nothing can move the cursor, change colours, forge a line or pass for another name.
 */
export function escapeText(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** The same for a value of any depth: every string in it. */
export function escapeDeep<T>(value: T): T {
  if (typeof value === 'string') return escapeText(value) as T;
  if (Array.isArray(value)) return value.map((item) => escapeDeep<unknown>(item)) as T;
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, escapeDeep<unknown>(item)])) as T;
}
