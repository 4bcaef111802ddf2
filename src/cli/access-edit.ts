import type { CommandContext } from './context.ts';
import type { CommandResult } from './definition.ts';
import { CliError } from './cli-error.ts';
import { NO_GRANTS } from './config/access-file.ts';
import type { AccessDescription, ArrayKeeper, InitiatorGrant, KeyGrant } from './services.ts';
import { parseLun } from './values.ts';

export interface AccessEdit {
  readonly directory: string;
  readonly access: AccessDescription;
  /** The array had no access file: from now on what is not granted is refused. */
  readonly begins: boolean;
  readonly dryRun: boolean;
  /** A running array works with it already; otherwise its next start will. */
  readonly applied: boolean;
}

type Change = (access: AccessDescription) => AccessDescription;

/** Changes the access file and has a running array take it over. */
export async function editAccess(
  directory: string,
  change: Change,
  context: CommandContext,
): Promise<CommandResult<AccessEdit>> {
  const arrays = await context.services.arrays();
  // That there is an array is for it to say, in its words.
  await arrays.read(directory);
  const lock = await arrays.lockAccess(directory, context.timeoutMs);
  try {
    return await edit(arrays, directory, change, context);
  } finally {
    await lock.release();
  }
}

async function edit(
  arrays: ArrayKeeper,
  directory: string,
  change: Change,
  { dryRun, timeoutMs }: CommandContext,
): Promise<CommandResult<AccessEdit>> {
  const before = await arrays.readAccess(directory);
  const access = change(before ?? NO_GRANTS);
  const data = { directory, access, begins: before === undefined, dryRun, applied: false };
  const changed = JSON.stringify(access) !== JSON.stringify(before);
  if (dryRun) return { changed: false, data };
  // Also where it says so already: a running array that could not be asked the last time may not work with it yet.
  const { applied } = await arrays.writeAccess(directory, access, timeoutMs);
  return { changed, data: { ...data, applied } };
}

/** The description with this grant in the place of an older one of the same name. */
export function withInitiator(access: AccessDescription, grant: InitiatorGrant): AccessDescription {
  return { ...access, initiators: replaced(access.initiators, grant) };
}

export function withKey(access: AccessDescription, grant: KeyGrant): AccessDescription {
  return { ...access, keys: replaced(access.keys, grant) };
}

/** The same description where nothing of that name is in it. */
export function withoutName(access: AccessDescription, name: string): AccessDescription {
  const other = (entry: { readonly name: string }): boolean => entry.name !== name;
  return { ...access, initiators: access.initiators.filter(other), keys: access.keys.filter(other) };
}

function replaced<T extends { readonly name: string }>(entries: readonly T[], entry: T): T[] {
  const index = entries.findIndex(({ name }) => name === entry.name);
  return index < 0 ? [...entries, entry] : entries.with(index, entry);
}

/** `all`, or numbers and ranges: `0,10-12`. */
export function parseLuns(text: string): InitiatorGrant['luns'] {
  if (text === 'all') return 'all';
  return text.split(',').flatMap((part) => {
    const [first = '', last = first, ...more] = part.split('-');
    const from = parseLun(first);
    const to = parseLun(last);
    if (from === undefined || to === undefined || to < from || more.length > 0) throw wrongLuns(text);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

/** As `parseLuns`, but not all. */
export function parseSomeLuns(text: string): readonly number[] {
  const luns = parseLuns(text);
  if (luns !== 'all') return luns;
  throw wrongLuns(text);
}

function wrongLuns(text: string): CliError {
  return new CliError('usage', {
    what: `"${text}" names no LUNs`,
    why: 'it must be "all", or numbers from 0 to 16383 and ranges of them with commas between',
    next: 'give --luns 0,10-12',
  });
}
