import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ServedSettings } from '../../array/audit/served-settings.ts';
import type { AccessDescription, ArrayDescription, ChapSecret } from '../../array/description.ts';

type Entry = readonly [name: string, value: string];

/** What an array is served with, for the audit: `array.yaml`, the address it really listens at, `access.yaml`. */
export async function servedSettings(
  { directory, description, listen, leaveOut }: ServedBy,
  access: AccessDescription | undefined,
): Promise<ServedSettings> {
  const { initiators = [], keys = [], commandDevices = [], remotes = [] } = access ?? {};
  return Object.fromEntries([
    ...described(description, listen),
    ...fields('volumes', { 'left out': leaveOut }),
    ['access.yaml', access ? 'there' : 'none: everybody may do everything'],
    ...initiators.flatMap(({ name, chap, ...grant }) =>
      fields(`initiator ${name}`, { ...grant, ...(chap && { 'CHAP user': chap.user }) }),
    ),
    ...keys.flatMap(({ name, keyFile: _keyFile, ...grant }) => fields(`key ${name}`, grant)),
    ...commandDevices.flatMap(({ lun, ...modes }) => fields(`command device ${lun}`, modes)),
    ...remotes.flatMap(({ user, target }) => fields(`as ${user} elsewhere`, { proof: target?.user ?? 'none' })),
    ...fields('access', {
      'CHAP user': access?.target?.user,
      'CHAP algorithms': access?.chapAlgorithms,
      'audit of queries': access?.auditQueries,
    }),
    ...(access ? await secretFiles(directory, access) : []),
  ]);
}

export interface ServedBy {
  readonly directory: string;
  readonly description: ArrayDescription;
  readonly listen: ArrayDescription['listen'];
  readonly leaveOut?: readonly number[];
}

function described(description: ArrayDescription, listen: ArrayDescription['listen']): Entry[] {
  const { format: _format, listen: _listen, volumes, remotes, lunMap, commandDevices, ...facts } = description;
  return [
    ...fields('array', facts),
    ...fields('listen', listen),
    ...volumes.map((volume): Entry => [`array.yaml volume ${volume.lun}`, JSON.stringify(volume)]),
    ...remotes.map((remote): Entry => [`array.yaml remote ${remote.serial}`, JSON.stringify(remote)]),
    ...lunMap.map((entry): Entry => [`array.yaml LUN map ${entry.lun}`, JSON.stringify(entry)]),
    ...commandDevices.map((entry): Entry => [`array.yaml command device ${entry.lun}`, JSON.stringify(entry)]),
  ];
}

function fields(of: string, values: object): Entry[] {
  return Object.entries(values).flatMap(([name, value]: [string, unknown]) =>
    value === undefined ? [] : [[`${of} ${name}`, textOf(value)] as const],
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** That one was written, or put in its place, shows in its change time, which nobody can set. */
async function secretFiles(directory: string, access: AccessDescription): Promise<Entry[]> {
  const remotes = access.remotes.flatMap(({ target, ...own }) => [own, target]);
  const secrets: (ChapSecret | undefined)[] = [...access.initiators.map(({ chap }) => chap), access.target, ...remotes];
  const files = [
    ...secrets.flatMap((secret) => (secret ? [secret.secretFile] : [])),
    ...access.keys.map(({ keyFile }) => keyFile),
  ];
  return Promise.all(
    [...new Set(files.map((file) => resolve(directory, file)))].map(async (path): Promise<Entry> => {
      const { ctimeMs } = await stat(path);
      return [`secret file ${path}`, `written ${new Date(ctimeMs).toISOString()}`];
    }),
  );
}
