import { reused } from './request-table.ts';
import type { CommandOutcome, CommandRequest, ExecuteCommand } from './types.ts';

/**
 * Joins submissions of one request that are under way at the same moment, in several slots or on several command
 * devices, into one execution. The array core wraps its executor once for all its command devices.
 */
export function joinInFlight(execute: ExecuteCommand): ExecuteCommand {
  const underWay = new Map<string, { readonly request: CommandRequest; readonly outcome: Promise<CommandOutcome> }>();

  return async (request) => {
    const first = underWay.get(request.requestId);
    if (first) return isSame(first.request, request) ? first.outcome : reused(request.requestId);
    const outcome = execute(request).finally(() => underWay.delete(request.requestId));
    underWay.set(request.requestId, { request, outcome });
    return outcome;
  };
}

function isSame(left: CommandRequest, right: CommandRequest): boolean {
  return left.process === right.process && left.inputCrc === right.inputCrc;
}
