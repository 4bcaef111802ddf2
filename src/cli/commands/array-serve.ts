import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { parseSomeLuns } from '../access-edit.ts';
import { parseListen, parseRedirect } from '../edit-array.ts';

interface Request {
  readonly directory: string;
  readonly listen?: string;
  readonly allowUnauthenticated?: boolean;
  readonly redirectTo?: string;
  readonly leaveOut?: string;
}

export interface ArrayServe {
  readonly reason: string;
}

/** Runs until SIGTERM or SIGINT; then stops in order and is done. */
export async function run(request: Request, context: CommandContext): Promise<CommandResult<ArrayServe>> {
  const arrays = await context.services.arrays();
  const listen = {
    ...(request.listen !== undefined && parseListen(request.listen)),
    ...(request.allowUnauthenticated && { allowUnauthenticated: true as const }),
    ...(request.redirectTo !== undefined && { redirectTo: parseRedirect(request.redirectTo) }),
  };
  const leaveOut = request.leaveOut === undefined ? undefined : parseSomeLuns(request.leaveOut);
  await arrays.serve(
    request.directory,
    { listen, ...(leaveOut && { leaveOut }) },
    {
      stop: context.stop,
      ready: (facts) => context.emit({ event: 'ready', ...facts }),
      event: (event) => context.emit({ event: 'array', ...event }),
      warn: (text) => {
        context.emit({ event: 'array', from: 'portal', text });
        context.notice(`warning: ${text}`);
      },
    },
  );
  return { data: { reason: (context.stop.reason as Error | undefined)?.message ?? 'stopped' } };
}
