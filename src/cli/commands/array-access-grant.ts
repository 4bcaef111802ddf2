import { resolve } from 'node:path';
import { editAccess, parseLuns, withInitiator, withKey, type AccessEdit } from '../access-edit.ts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import type { AccessDescription, InitiatorGrant, KeyGrant } from '../services.ts';

interface Request {
  readonly directory: string;
  readonly initiator?: string;
  readonly key?: string;
  readonly luns?: string;
  readonly role?: InitiatorGrant['role'];
  readonly group?: readonly string[];
  readonly array?: string;
  readonly user?: string;
  readonly secretFile?: string;
  readonly keyFile?: string;
}

/** Grants an initiator, or the holder of a key, what is said, and nothing else: an older grant is replaced. */
export async function run(request: Request, context: CommandContext): Promise<CommandResult<AccessEdit>> {
  return editAccess(request.directory, changeFor(request), context);
}

function changeFor(request: Request): (access: AccessDescription) => AccessDescription {
  const { initiator, key } = request;
  if (initiator !== undefined && key === undefined) {
    const grant = initiatorGrant(initiator, request);
    return (access) => withInitiator(access, grant);
  }
  if (key !== undefined && initiator === undefined) {
    const grant = keyGrant(key, request);
    return (access) => withKey(access, grant);
  }
  throw usage('either --initiator or --key is needed', 'a grant is for one of them');
}

function initiatorGrant(name: string, request: Request): InitiatorGrant {
  const { luns, role, group: groups, array, user, secretFile } = request;
  if (luns === undefined && array === undefined)
    throw usage('--luns is missing', 'an initiator sees only what is named');
  if (request.keyFile !== undefined) throw usage('--key-file does not go with --initiator', 'it belongs to a --key');
  return {
    name,
    ...(secretFile !== undefined && { chap: { user: user ?? shortName(name), secretFile: resolve(secretFile) } }),
    luns: luns === undefined ? [] : parseLuns(luns),
    ...(array !== undefined && { array }),
    ...(role && { role }),
    ...(groups && { groups }),
  };
}

function keyGrant(name: string, { keyFile, role, luns: text, group: groups }: Request): KeyGrant {
  if (keyFile === undefined) throw usage('--key-file is missing', 'it holds the key, 32 bytes or more');
  if (!role || role === 'signed') {
    throw usage('--role is missing', 'the holder of a key is monitor, operator or administrator');
  }
  const luns = text === undefined ? 'all' : parseLuns(text);
  return { name, keyFile: resolve(keyFile), role, ...(luns !== 'all' && { luns }), ...(groups && { groups }) };
}

function usage(what: string, why: string): CliError {
  return new CliError('usage', { what, why, next: 'see cdctl array access grant --help' });
}

/** What stands behind the last colon: iSCSI URLs cannot name a user with a colon in it. */
function shortName(initiator: string): string {
  return initiator.slice(initiator.lastIndexOf(':') + 1);
}
