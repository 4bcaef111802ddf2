import { lstat } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join, resolve } from 'node:path';
import type { AccessDescription, ChapSecret } from '../../array/description.ts';
import { chapAlgorithmNumber } from '../../iscsi/chap.ts';
import type { InitiatorCredentials } from '../../iscsi/initiator-chap.ts';
import type { TargetChap } from '../../iscsi/target/types.ts';
import { CliError } from '../cli-error.ts';
import { parseAccessFile } from '../config/access-file.ts';
import { LEAST_KEY_BYTES, readSecret } from '../config/secrets.ts';
import { realFiles } from './files.ts';

/** The access file of an array with the secrets that it names. */
export interface LoadedAccess {
  /** Undefined where the array has none: everybody may do everything. */
  readonly description: AccessDescription | undefined;
  /** Undefined where nobody has to authenticate. */
  readonly chap: TargetChap | undefined;
  /** For this array's own initiator, by CHAP user. */
  readonly remoteCredentials: ReadonlyMap<string, InitiatorCredentials>;
  /** For signed interface blocks, by name. */
  readonly keys: ReadonlyMap<string, Uint8Array>;
}

const FILE_NAME = 'access.yaml';
/** RFC 7143 section 9.2.1: at least 96 bits. */
const LEAST_SECRET_BYTES = 12;

export function accessPath(directory: string): string {
  return join(directory, FILE_NAME);
}

export async function readAccess(directory: string): Promise<AccessDescription | undefined> {
  const path = accessPath(directory);
  const text = await realFiles.readText(path).catch((error: unknown) => absentOrUnreadable(path, error));
  return text === undefined ? undefined : parseAccessFile(text, path);
}

async function absentOrUnreadable(path: string, error: unknown): Promise<undefined> {
  if (await isNotThere(path)) return undefined;
  throw new CliError('configuration', {
    what: 'the access file cannot be read',
    where: path,
    why: error instanceof Error ? error.message : String(error),
    next: 'make it readable; only an array that has none lets everybody do everything',
  });
}

/** For certain: a disk that gives an error, or a link that leads to where nothing is mounted, must open the array to nobody. */
async function isNotThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  );
}

/** Reads the file and every secret that it names; throws `CliError` of class configuration where one cannot be used. */
export async function loadAccess(directory: string): Promise<LoadedAccess> {
  return withSecrets(directory, await readAccess(directory));
}

export async function withSecrets(directory: string, access: AccessDescription | undefined): Promise<LoadedAccess> {
  if (!access) return { description: undefined, chap: undefined, remoteCredentials: new Map(), keys: new Map() };
  const keys = new Map<string, Uint8Array>();
  for (const { name, keyFile } of access.keys) {
    const file = {
      what: `the key ${name}`,
      path: resolve(directory, keyFile),
      key: 'keys',
      leastBytes: LEAST_KEY_BYTES,
    };
    keys.set(name, new Uint8Array(Buffer.from(await readSecret(realFiles, file))));
  }
  return {
    description: access,
    chap: await targetChap(directory, access),
    remoteCredentials: await remoteCredentials(directory, access),
    keys,
  };
}

async function targetChap(directory: string, access: AccessDescription): Promise<TargetChap | undefined> {
  const initiators: TargetChap['initiators'][number][] = [];
  for (const { name: initiator, chap } of access.initiators) {
    if (chap) initiators.push({ initiator, ...(await credentials(directory, chap)) });
  }
  if (initiators.length === 0) return undefined;
  const target = access.target && (await credentials(directory, access.target));
  const same = target && initiators.find(({ secret }) => secret === target.secret);
  if (same) throw sameSecret(directory, same.name);
  return { initiators, ...(target && { target }), ...algorithmsOf(access) };
}

/** Both where initiators log in here and where this array does elsewhere: what is too weak is so in either direction. */
function algorithmsOf({ chapAlgorithms }: AccessDescription): { algorithms?: readonly number[] } {
  return chapAlgorithms ? { algorithms: chapAlgorithms.map(chapAlgorithmNumber) } : {};
}

async function remoteCredentials(
  directory: string,
  access: AccessDescription,
): Promise<Map<string, InitiatorCredentials>> {
  const found = new Map<string, InitiatorCredentials>();
  for (const { target, ...own } of access.remotes) {
    const proof = target && (await credentials(directory, target));
    const mine = await credentials(directory, own);
    if (proof?.secret === mine.secret) throw sameSecret(directory, own.user);
    found.set(own.user, { ...mine, ...(proof && { target: proof }), ...algorithmsOf(access) });
  }
  return found;
}

async function credentials(
  directory: string,
  { user, secretFile }: ChapSecret,
): Promise<{ name: string; secret: string }> {
  const path = resolve(directory, secretFile);
  const file = { what: `the CHAP secret of ${user}`, path, key: 'chap', leastBytes: LEAST_SECRET_BYTES };
  return { name: user, secret: await readSecret(realFiles, file) };
}

function sameSecret(directory: string, user: string): CliError {
  return new CliError('configuration', {
    what: `${user} and the other side would prove themselves with the same secret`,
    where: accessPath(directory),
    why: 'whoever is asked for it could answer with what the asker says (RFC 7143 section 12.1.3)',
    next: 'give each direction a secret of its own',
  });
}

/** Wider than this machine an array is served only with CHAP, or where somebody has said that he wants it open. */
export function requireAuthentication(
  listen: { readonly host: string; readonly allowUnauthenticated?: boolean },
  access: LoadedAccess,
  directory: string,
): void {
  const admitsNobody = access.description?.initiators.length === 0;
  if (isLoopback(listen.host) || access.chap || admitsNobody || listen.allowUnauthenticated) return;
  throw new CliError('configuration', {
    what: `the array would be open to everybody who reaches ${listen.host}`,
    where: accessPath(directory),
    why: 'it listens beyond this machine, and no initiator has to authenticate',
    next: `grant initiators access with CHAP (cdctl array access grant ${directory} --help), listen on 127.0.0.1, or say --allow-unauthenticated`,
  });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** What lets an initiator in, for comparison; undefined where it is not let in. */
export function credentialsOf(access: LoadedAccess, initiator: string): string | undefined {
  const { description, chap } = access;
  if (!description) return '';
  if (!description.initiators.some(({ name }) => name === initiator)) return undefined;
  const known = chap?.initiators.find((each) => each.initiator === initiator);
  return JSON.stringify([known ?? '', chap?.algorithms ?? 'all']);
}
