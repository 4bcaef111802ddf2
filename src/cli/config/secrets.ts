import { CliError } from '../cli-error.ts';
import type { Files } from '../services.ts';
import type { Configuration } from './configuration.ts';

/** Bits that let somebody else than the owner at the file. */
const OTHERS = 0o077;

/** CHAP secrets by user name, from files that only their owner can read. They are never printed. */
export async function loadSecrets(files: Files, configuration: Configuration): Promise<ReadonlyMap<string, string>> {
  const secrets = new Map<string, string>();
  for (const [user, path] of configuration.secretFiles) secrets.set(user, await readSecret(files, user, path));
  return secrets;
}

async function readSecret(files: Files, user: string, path: string): Promise<string> {
  const refuse = (why: string, next: string): never => {
    throw new CliError('configuration', { what: `the CHAP secret of ${user} cannot be used`, where: path, why, next });
  };
  const mode = await files.mode(path).catch(() => refuse('the file cannot be read', 'correct its path under chap'));
  if ((mode & OTHERS) !== 0) return refuse('others than its owner may read it', `chmod 600 ${path}`);
  const secret = (await files.readText(path)).replace(/\r?\n$/, '');
  if (secret === '') return refuse('the file is empty', 'write the secret into it');
  return secret;
}
