import type { CommandContext } from '../context.ts';
import { CliError } from '../cli-error.ts';
import type { AuditReport } from '../services.ts';

/** Reads the audit of an array, whether it runs or not; changes nothing. */
export async function readAudit(
  directory: string,
  context: CommandContext,
  anchor?: { readonly seq: number; readonly hash: string },
): Promise<AuditReport> {
  const arrays = await context.services.arrays();
  await arrays.read(directory);
  return arrays.audit(directory, anchor);
}

/** `SEQ:HASH`, as `array audit verify` prints it. */
export function parseAnchor(text: string): { seq: number; hash: string } {
  const match = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text);
  if (match) return { seq: Number(match[1]), hash: match[2]! };
  throw new CliError('usage', {
    what: `"${text}" is no anchor`,
    why: 'it must be the number of a record, a colon and 64 hex digits',
    next: 'give what an earlier cdctl array audit verify printed',
  });
}
