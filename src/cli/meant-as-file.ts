import { CliError } from './cli-error.ts';
import { NoConfigurationFile } from './config/find.ts';
import { isPath } from './lun-selector.ts';
import { UnknownArray } from './site.ts';
import type { End } from './transfer/ends.ts';

/** Where ARRAY/NAME names no array, a path may have been meant. */
export async function orMeantAsFile<T>(ends: readonly End[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof NoConfigurationFile || error instanceof UnknownArray)) throw error;
    const prefix = error instanceof UnknownArray ? `${error.array}/` : '';
    const isMeant = (end: End): boolean =>
      end.kind === 'lun' && !isPath(end.selector) && end.selector.startsWith(prefix);
    const named = ends.find(isMeant);
    if (named?.kind !== 'lun') throw error;
    const next = `${error.text.next}; a file of that path is ./${named.selector}`;
    throw new CliError(error.exit, { ...error.text, next });
  }
}
