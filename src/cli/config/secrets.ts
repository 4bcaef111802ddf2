import { CliError } from '../cli-error.ts';
import type { Environment } from '../render/terminal.ts';
import type { ChapSecret, ChapSecrets, Files } from '../services.ts';
import type { SecretSource } from './chap.ts';
import type { Configuration } from './configuration.ts';

/** Bits that let somebody else than the owner at the file. */
const OTHERS = 0o077;

/** The secret of a user that a URL names and the configuration does not, so that a single command needs no file. */
export const SECRET_VARIABLE = 'CDCTL_CHAP_SECRET';

/** Where secrets are looked for. */
export interface SecretPlaces {
  readonly files: Files;
  readonly environment: Environment;
}

/**
 * CHAP secrets by user name, from files that only their owner can read and from the environment. They are never
 * printed. Throws `CliError` where one that is named is not there.
 */
export async function loadSecrets(places: SecretPlaces, configuration?: Configuration): Promise<ChapSecrets> {
  const known = new Map<string, ChapSecret>();
  for (const [user, { secret, target }] of configuration?.chap ?? []) {
    known.set(user, {
      secret: await find(places, user, secret),
      ...(target && { target: { name: target.user, secret: await find(places, target.user, target.secret) } }),
    });
  }
  const other = places.environment[SECRET_VARIABLE];
  return { get: (user) => known.get(user) ?? (other ? { secret: other } : undefined) };
}

async function find({ files, environment }: SecretPlaces, user: string, source: SecretSource): Promise<string> {
  const what = `the CHAP secret of ${user}`;
  if ('file' in source) return readSecret(files, { what, path: source.file, key: 'chap', leastBytes: 1 });
  const secret = environment[source.variable];
  if (secret) return secret;
  throw new CliError('configuration', {
    what: `${what} cannot be used`,
    where: `environment variable ${source.variable}`,
    why: secret === undefined ? 'it is not set' : 'it is empty',
    next: `export ${source.variable}, or name a secret-file under chap`,
  });
}

export interface SecretFile {
  /** What it holds, for messages: "the CHAP secret of db1". */
  readonly what: string;
  readonly path: string;
  /** Where the configuration names it. */
  readonly key: string;
  readonly leastBytes: number;
}

/** The text of a file that only its owner can read, without a final line end. */
export async function readSecret(files: Files, { what, path, key, leastBytes }: SecretFile): Promise<string> {
  const refuse = (why: string, next: string): never => {
    throw new CliError('configuration', { what: `${what} cannot be used`, where: path, why, next });
  };
  const mode = await files.mode(path).catch(() => refuse('the file cannot be read', `correct its path under ${key}`));
  if ((mode & OTHERS) !== 0) return refuse('others than its owner may read it', `chmod 600 ${path}`);
  const secret = (await files.readText(path)).replace(/\r?\n$/, '');
  if (secret === '') return refuse('the file is empty', 'write the secret into it');
  const byteLength = Buffer.byteLength(secret);
  if (byteLength >= leastBytes) return secret;
  return refuse(
    `it has ${byteLength} bytes; less than ${leastBytes} can be guessed`,
    `head -c 24 /dev/urandom | base64 > ${path}`,
  );
}

/** RFC 2104: a key shorter than the hash weakens it. */
export const LEAST_KEY_BYTES = 32;
