import { isAllZero } from '../../base/bytes.ts';
import { defineLayout, type ValueOf } from '../../base/layout.ts';
import type { StorageFile } from '../../base/storage.ts';
import { describeViolation } from '../../base/violation.ts';
import { openGuardedFile } from '../store/guarded-file.ts';

/**
 * That a volume is being sanitized, or that this has failed, on disk: a guarded file, whose first piece decides, and behind
 * it the pattern, which is durable before that piece says so.
 */
export const sanitizeLayout = defineLayout('sanitize', 32, [
  { name: 'magic', offset: 0, size: 8, kind: 'constant', constant: 'CDCTLSAN', doc: 'magic' },
  { name: 'state', offset: 8, size: 1, kind: 'enum', values: { none: 0, running: 1, failed: 2 }, doc: 'what goes on' },
  {
    name: 'method',
    offset: 9,
    size: 1,
    kind: 'enum',
    values: { 'block-erase': 0, overwrite: 1, 'crypto-erase': 2 },
    doc: 'with zeros, with a pattern, or by a new key',
  },
  { name: 'passes', offset: 10, size: 1, kind: 'u8', doc: 'times that everything is overwritten' },
  { name: 'invert', offset: 11, size: 1, kind: 'flag', doc: 'each pass with the complement of the one before' },
  { name: 'allowExit', offset: 12, size: 1, kind: 'flag', doc: 'whether a host may end a failure' },
  { name: 'patternLength', offset: 14, size: 2, kind: 'u16', doc: 'bytes of the pattern' },
]);

const PATTERN_AT = 504;
const PATTERN_LIMIT = 4096;

/** What is to be done, and what came of it. */
export type SanitizeRecord = Omit<ValueOf<typeof sanitizeLayout>, 'patternLength'> & { readonly pattern: Uint8Array };

export const NOTHING: SanitizeRecord = {
  state: 'none',
  method: 'block-erase',
  passes: 0,
  invert: false,
  allowExit: false,
  pattern: new Uint8Array(0),
};

/** Bytes of the guarded file. */
export const SANITIZE_FILE_BYTES = PATTERN_AT + PATTERN_LIMIT;

/** Why the content of a guarded file is no record, in words; undefined where it is one, or says nothing. */
export function sanitizeFault(content: Uint8Array): string | undefined {
  if (isAllZero(content.subarray(0, sanitizeLayout.size))) return undefined;
  const record = sanitizeLayout.decode(content);
  if (!record.ok) return describeViolation(record.violation);
  const { patternLength } = record.value;
  return patternLength > PATTERN_LIMIT
    ? `a pattern of ${patternLength} bytes, the limit is ${PATTERN_LIMIT}`
    : undefined;
}

export interface SanitizeFile {
  load(): SanitizeRecord;
  /** Durable when it resolves. */
  save(record: SanitizeRecord): Promise<void>;
}

export function openSanitizeFile(stored: StorageFile): SanitizeFile {
  const file = openGuardedFile(stored, SANITIZE_FILE_BYTES);
  return {
    load() {
      const bytes = new Uint8Array(sanitizeLayout.size);
      file.read(bytes, 0);
      const record = sanitizeLayout.decode(bytes);
      if (!record.ok) return NOTHING;
      const pattern = new Uint8Array(Math.min(record.value.patternLength, PATTERN_LIMIT));
      file.read(pattern, PATTERN_AT);
      return { ...record.value, pattern };
    },
    async save(record) {
      file.write(record.pattern, PATTERN_AT);
      await file.flush();
      file.write(sanitizeLayout.encode({ ...record, patternLength: record.pattern.length }), 0);
      await file.flush();
    },
  };
}
