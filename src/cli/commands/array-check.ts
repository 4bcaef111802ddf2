import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import type { StorageReport } from '../services.ts';

export interface ArrayCheck extends StorageReport {
  readonly directory: string;
  /** Nothing is damaged; doubts may remain. */
  readonly sound: boolean;
}

/** Reads everything that the stopped array keeps; a running one is refused. */
export async function run(
  request: { readonly directory: string },
  context: CommandContext,
): Promise<CommandResult<ArrayCheck>> {
  const { directory } = request;
  const arrays = await context.services.arrays();
  const report = await arrays.check(directory);
  const damage = report.findings.filter(({ severity }) => severity === 'damage');
  const data = { directory, sound: damage.length === 0, ...report };
  const [first] = damage;
  if (!first) return { data };
  const more = damage.length > 1 ? `, and ${damage.length - 1} more` : '';
  return {
    data,
    exit: 'damaged',
    note: {
      what: `the storage of array ${report.name} is damaged`,
      where: directory,
      why: `${first.file}: ${first.what}${more}`,
      next: first.next,
    },
  };
}
