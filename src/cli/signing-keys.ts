import type { SigningKey } from '../interface-block/signature.ts';
import type { Configuration } from './config/configuration.ts';
import { LEAST_KEY_BYTES, readSecret } from './config/secrets.ts';
import type { Files } from './services.ts';

/** The keys that sign commands, by name of the array. */
export async function loadSigningKeys(
  files: Files,
  configuration: Configuration,
): Promise<ReadonlyMap<string, SigningKey>> {
  const keys = new Map<string, SigningKey>();
  for (const { name: array, key } of configuration.arrays.values()) {
    if (!key) continue;
    const file = {
      what: `the key ${key.name}`,
      path: key.keyFile,
      key: `arrays.${array}`,
      leastBytes: LEAST_KEY_BYTES,
    };
    keys.set(array, { name: key.name, key: new Uint8Array(Buffer.from(await readSecret(files, file))) });
  }
  return keys;
}
