import { CliError } from '../cli-error.ts';
import type { Files } from '../services.ts';
import type { Configuration } from './configuration.ts';

/** Bits that let somebody else than the owner at the file. */
const OTHERS = 0o077;

/** CHAP secrets by user name, from files that only their owner can read. They are never printed. */
export async function loadSecrets(files: Files, configuration: Configuration): Promise<ReadonlyMap<string, string>> {
  const secrets = new Map<string, string>();
  for (const [user, path] of configuration.secretFiles) {
    secrets.set(
      user,
      await readSecret(files, { what: `the CHAP secret of ${user}`, path, key: 'chap', leastBytes: 1 }),
    );
  }
  return secrets;
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
