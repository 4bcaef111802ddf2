import { CliError } from './cli-error.ts';
import type { CommandContext } from './context.ts';

/**
 * Before something that cannot be taken back: the operator types the name, or gave it with `--confirm`. Where nobody can
 * be asked and nothing was given, it is refused. With `--dry-run` there is nothing to confirm.
 */
export async function confirmName(context: CommandContext, name: string, consequence: string): Promise<void> {
  if (context.dryRun) return;
  const given = context.confirm ?? (await context.ask?.(`${consequence}\nType ${name} to go on: `));
  if (given?.trim() === name) return;
  throw new CliError('unsafe', {
    what: 'not confirmed',
    where: name,
    why:
      given === undefined
        ? `${consequence}; nobody can be asked here`
        : `"${given}" was given, "${name}" was asked for`,
    next: `run it again with --confirm ${name}`,
  });
}
