import { CliError } from '../cli-error.ts';
import { ConfigurationError } from './configuration-error.ts';

/**
 * Reads a file that is about to be written from options: what the next reader would refuse is refused now, before an array that
 * was well can no longer be served for it. Throws `CliError` (usage) then.
 */
export function readBack<T>(text: string, what: string, read: (text: string) => T): T {
  try {
    return read(text);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new CliError('usage', { what, why: error.text.why, next: 'correct the options; nothing was written' });
  }
}
