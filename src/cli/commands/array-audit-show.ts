import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import type { AuditReport } from '../services.ts';
import { readAudit } from './array-audit.ts';

export interface AuditShow {
  readonly directory: string;
  readonly records: ReadonlyArray<AuditReport['records'][number]['record']>;
}

interface Request {
  readonly directory: string;
  readonly last: number;
}

export async function run({ directory, last }: Request, context: CommandContext): Promise<CommandResult<AuditShow>> {
  const { records } = await readAudit(directory, context);
  const shown = last === 0 ? records : records.slice(-last);
  return { data: { directory, records: shown.map(({ record }) => record) } };
}
