import { CliError } from './cli-error.ts';
import { isPortal } from './values.ts';
import type { CommandContext } from './context.ts';
import type { CommandResult } from './definition.ts';
import type { ManagementRequest } from './services.ts';

export interface ArrayEdit {
  readonly directory: string;
  readonly request: ManagementRequest;
  readonly dryRun: boolean;
  readonly changed: boolean;
}

/** Changes a table of a running array through its management socket; with `--dry-run` only says what it would ask. */
export async function editArray(
  directory: string,
  request: ManagementRequest,
  context: CommandContext,
): Promise<CommandResult<ArrayEdit>> {
  const data = { directory, request, dryRun: context.dryRun, changed: false };
  if (context.dryRun) return { changed: false, data };
  const arrays = await context.services.arrays();
  const answer = await arrays.manage(directory, request, context.timeoutMs);
  const changed = answer['changed'] !== false;
  return { changed, data: { ...data, request: asCarriedOut(request, answer), changed } };
}

/** A volume with a backing gets its size there. */
function asCarriedOut(request: ManagementRequest, { volume }: Record<string, unknown>): ManagementRequest {
  if (request.operation !== 'volume-add' || typeof volume !== 'object' || volume === null) return request;
  return { ...request, volume: { ...request.volume, ...volume } };
}

/** Where an initiator can be sent; like `parseListen`, with a port of its own. */
export function parseRedirect(text: string): string {
  if (isPortal(text)) return text;
  throw new CliError('usage', {
    what: `"${text}" is no portal to send initiators to`,
    why: 'it must be host:port with a port from 1 to 65535',
    next: 'give --redirect-to 192.0.2.7:3260',
  });
}

/** `host:port`, IPv6 addresses in brackets. */
export function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host !== undefined && port <= 65_535) return { host, port };
  throw new CliError('usage', {
    what: `"${text}" is no address to listen on`,
    why: 'it must be host:port with a port from 0 to 65535',
    next: 'give --listen 127.0.0.1:3260',
  });
}
