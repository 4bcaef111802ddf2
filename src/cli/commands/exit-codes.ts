import type { CommandResult } from '../definition.ts';
import { EXIT_CLASSES, type ExitClass } from '../exit-classes.ts';

export interface ExitCodes {
  readonly classes: readonly (ExitClass & { readonly name: string })[];
}

export async function run(): Promise<CommandResult<ExitCodes>> {
  return { data: { classes: Object.entries(EXIT_CLASSES).map(([name, entry]) => ({ name, ...entry })) } };
}
