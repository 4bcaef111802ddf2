import type { CommandContext } from './context.ts';

/** `--directory`, else CDCTL_LAB; undefined: the user's own place. */
export function labDirectory(request: { readonly directory?: string }, context: CommandContext): string | undefined {
  return request.directory ?? context.environment['CDCTL_LAB'];
}
