import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import type { AuditReport } from '../services.ts';
import { parseAnchor, readAudit } from './array-audit.ts';

export interface AuditVerify extends Omit<AuditReport, 'records'> {
  readonly directory: string;
  readonly recordCount: number;
  /** To be kept elsewhere: with `--anchor` it proves that nothing up to here was written anew or cut off. */
  readonly anchor: string;
}

interface Request {
  readonly directory: string;
  readonly anchor?: string;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<AuditVerify>> {
  const { directory } = request;
  const anchor = request.anchor === undefined ? undefined : parseAnchor(request.anchor);
  const { records, ...report } = await readAudit(directory, context, anchor);
  const data = {
    directory,
    recordCount: records.length,
    anchor: `${report.last.seq}:${report.last.hash}`,
    ...report,
  };
  const [first] = report.findings;
  if (!first) return { data };
  const note = {
    what: 'the audit is not as it was written',
    where: `${first.file} at byte ${first.offset}`,
    why: first.why,
    next: 'keep the files as they are, and find out who could write to them',
  };
  return { exit: 'does-not-hold', data, note };
}
